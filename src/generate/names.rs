//! What people, places and goods are called in the sample company.

/// Display form and the ASCII form that stands in e-mail addresses.
pub type Name = (&'static str, &'static str);

/// Countries of customers: code, share of customers in percent, currency, tax in tenths of a percent.
pub const COUNTRIES: [(&str, u64, &str, i64); 7] = [
    ("DE", 60, "EUR", 190),
    ("AT", 12, "EUR", 200),
    ("CH", 11, "CHF", 81),
    ("GB", 7, "GBP", 200),
    ("FR", 5, "EUR", 200),
    ("PL", 4, "EUR", 230),
    ("JP", 1, "JPY", 100),
];

pub fn first_names(country: &str) -> &'static [Name] {
    match country {
        "GB" => &[
            ("Olivia", "olivia"),
            ("Harry", "harry"),
            ("Siobhán", "siobhan"),
            ("Charlotte", "charlotte"),
            ("George", "george"),
            ("Zoë", "zoe"),
            ("Nigel", "nigel"),
            ("Imogen", "imogen"),
        ],
        "FR" => &[
            ("Amélie", "amelie"),
            ("François", "francois"),
            ("Hélène", "helene"),
            ("Loïc", "loic"),
            ("Chloé", "chloe"),
            ("Jérôme", "jerome"),
            ("Anaïs", "anais"),
            ("Mathieu", "mathieu"),
        ],
        "PL" => &[
            ("Łukasz", "lukasz"),
            ("Małgorzata", "malgorzata"),
            ("Paweł", "pawel"),
            ("Agnieszka", "agnieszka"),
            ("Jędrzej", "jedrzej"),
            ("Żaneta", "zaneta"),
            ("Stanisław", "stanislaw"),
            ("Kinga", "kinga"),
        ],
        "JP" => &[("美咲", "misaki"), ("Kenji", "kenji"), ("陽菜", "hina"), ("Tarō", "taro")],
        "CH" => &[
            ("Urs", "urs"),
            ("Reto", "reto"),
            ("Annelies", "annelies"),
            ("Céline", "celine"),
            ("Beat", "beat"),
            ("Ursina", "ursina"),
            ("Noé", "noe"),
            ("Vreni", "vreni"),
            ("Gian", "gian"),
            ("Léa", "lea"),
        ],
        "AT" => &[
            ("Josef", "josef"),
            ("Resi", "resi"),
            ("Franz-Xaver", "franz-xaver"),
            ("Liesl", "liesl"),
            ("Jörg", "joerg"),
            ("Anna-Lena", "anna-lena"),
            ("Günther", "guenther"),
            ("Sepp", "sepp"),
            ("Käthe", "kaethe"),
        ],
        _ => &[
            ("Anna", "anna"),
            ("Jürgen", "juergen"),
            ("Käthe", "kaethe"),
            ("Björn", "bjoern"),
            ("Sören", "soeren"),
            ("Änne", "aenne"),
            ("Max", "max"),
            ("Sabine", "sabine"),
            ("Ulf", "ulf"),
            ("Øystein", "oystein"),
            ("Renée", "renee"),
            ("Ömer", "oemer"),
            ("Marie-Luise", "marie-luise"),
            ("Thomas", "thomas"),
            ("Heike", "heike"),
            ("Çiğdem", "cigdem"),
            ("Karl", "karl"),
            ("Jana", "jana"),
            ("Götz", "goetz"),
            ("Ingeborg", "ingeborg"),
        ],
    }
}

pub fn last_names(country: &str) -> &'static [Name] {
    match country {
        "GB" => &[
            ("O'Brien", "obrien"),
            ("Smith", "smith"),
            ("Taylor-Brown", "taylor-brown"),
            ("Hughes", "hughes"),
            ("Brontë", "bronte"),
            ("Walker", "walker"),
            ("MacDonald", "macdonald"),
        ],
        "FR" => &[
            ("Lefèvre", "lefevre"),
            ("d'Étienne", "detienne"),
            ("Garçon", "garcon"),
            ("Béranger", "beranger"),
            ("Noël", "noel"),
            ("Le Goff", "legoff"),
        ],
        "PL" => &[
            ("Wójcik", "wojcik"),
            ("Kowalska", "kowalska"),
            ("Błaszczyk", "blaszczyk"),
            ("Żak", "zak"),
            ("Dąbrowski", "dabrowski"),
            ("Szczęsny", "szczesny"),
        ],
        "JP" => &[("佐藤", "sato"), ("Suzuki", "suzuki"), ("高橋", "takahashi")],
        "CH" => &[
            ("Bünzli", "buenzli"),
            ("Zürcher", "zuercher"),
            ("Rüegg", "rueegg"),
            ("Fässler", "faessler"),
            ("Meier", "meier"),
            ("Däppen", "daeppen"),
            ("Rossier", "rossier"),
            ("Caflisch", "caflisch"),
        ],
        "AT" => &[
            ("Gruber", "gruber"),
            ("Hölzl", "hoelzl"),
            ("Nußbaumer", "nussbaumer"),
            ("Lackner", "lackner"),
            ("Wögerer", "woegerer"),
            ("Trattnig", "trattnig"),
            ("Strauß", "strauss"),
        ],
        _ => &[
            ("Müller", "mueller"),
            ("Groß", "gross"),
            ("Schäfer", "schaefer"),
            ("Weiß", "weiss"),
            ("Köhler", "koehler"),
            ("von der Heide", "vonderheide"),
            ("Yılmaz", "yilmaz"),
            ("Böttcher", "boettcher"),
            ("Schmidt", "schmidt"),
            ("Straßer", "strasser"),
            ("Jung-Hübner", "jung-huebner"),
            ("Fuchs", "fuchs"),
            ("Nguyễn", "nguyen"),
            ("Bäcker", "baecker"),
            ("Kühn", "kuehn"),
            ("Vogt", "vogt"),
            ("Süß", "suess"),
            ("Lindemann", "lindemann"),
            ("Öztürk", "oeztuerk"),
            ("Haß", "hass"),
        ],
    }
}

/// Postcode and city.
pub fn places(country: &str) -> &'static [(&'static str, &'static str)] {
    match country {
        "GB" => &[("EC1A 1BB", "London"), ("M1 1AE", "Manchester"), ("EH1 2NG", "Edinburgh")],
        "FR" => &[("75011", "Paris"), ("13002", "Marseille"), ("67000", "Strasbourg"), ("06300", "Nice")],
        "PL" => &[("31-042", "Kraków"), ("90-001", "Łódź"), ("80-831", "Gdańsk"), ("00-019", "Warszawa")],
        "JP" => &[("150-0001", "Tōkyō"), ("604-8001", "京都")],
        "CH" => &[("8001", "Zürich"), ("3011", "Bern"), ("1204", "Genève"), ("9000", "St. Gallen"), ("7000", "Chur")],
        "AT" => {
            &[("1010", "Wien"), ("8010", "Graz"), ("6020", "Innsbruck"), ("3100", "St. Pölten"), ("5020", "Salzburg")]
        }
        _ => &[
            ("01067", "Dresden"),
            ("10115", "Berlin"),
            ("20095", "Hamburg"),
            ("80331", "München"),
            ("50667", "Köln"),
            ("90402", "Nürnberg"),
            ("04109", "Leipzig"),
            ("70173", "Stuttgart"),
            ("99084", "Erfurt"),
            ("24937", "Flensburg"),
            ("37073", "Göttingen"),
            ("06844", "Dessau-Roßlau"),
        ],
    }
}

pub const STREETS: [&str; 16] = [
    "Hauptstraße",
    "Am Mühlbach",
    "Große Gasse",
    "Bahnhofstr.",
    "Schloßallee",
    "An der Weide",
    "Rue de l'Église",
    "High Street",
    "Königsweg",
    "Unter den Linden",
    "Kirchplatz",
    "ul. Długa",
    "Seestrasse",
    "Getreidegasse",
    "Zum alten Fährhaus",
    "Birkenweg",
];

pub const MAIL_HOSTS: [&str; 6] =
    ["example.de", "example.com", "mail.example.org", "post.example.net", "example.at", "example.ch"];

/// Title, type, vendor, price in euro cents. Titles hold what breaks careless readers of CSV.
pub const PRODUCTS: [(&str, &str, &str, i64); 48] = [
    ("Teekanne \"Kyōto\", 0,8 l", "Tea", "Nagomi", 4_990),
    ("Teeschale, blau", "Tea", "Nagomi", 1_450),
    ("Matcha-Besen", "Tea", "Nagomi", 1_890),
    ("Sencha 250 g", "Tea", "Grünblatt", 1_290),
    ("Gyokuro 100 g", "Tea", "Grünblatt", 2_790),
    ("Genmaicha 250 g", "Tea", "Grünblatt", 990),
    ("Stäbchen (5 Paar)", "Table", "Hashi & Söhne", 890),
    ("Eßstäbchen Kirschholz", "Table", "Hashi & Söhne", 1_690),
    ("Sushi-Matte", "Kitchen", "Maki Manufaktur", 590),
    ("Reiskocher 1,2 l", "Kitchen", "Maki Manufaktur", 8_990),
    ("Reisschüssel, groß", "Table", "Maki Manufaktur", 1_150),
    ("Messer Santoku 18 cm", "Kitchen", "Stahlwerk Süd", 12_900),
    ("Messer Nakiri 16 cm", "Kitchen", "Stahlwerk Süd", 11_500),
    ("Wetzstein #1000/#6000", "Kitchen", "Stahlwerk Süd", 3_990),
    ("Schneidebrett Hinoki", "Kitchen", "Maki Manufaktur", 4_500),
    ("Sojasauce 1 l", "Pantry", "Kōji", 790),
    ("Mirin 500 ml", "Pantry", "Kōji", 850),
    ("Reisessig 500 ml", "Pantry", "Kōji", 620),
    ("Nori, 50 Blatt", "Pantry", "Kōji", 1_240),
    ("Sushi-Reis 5 kg", "Pantry", "Kōji", 2_190),
    ("Wasabi-Paste", "Pantry", "Kōji", 450),
    ("Ingwer, eingelegt", "Pantry", "Kōji", 520),
    ("Miso hell 400 g", "Pantry", "Kōji", 680),
    ("Miso dunkel 400 g", "Pantry", "Kōji", 720),
    ("Bento-Box, zweistöckig", "Kitchen", "Maki Manufaktur", 2_990),
    ("Furoshiki-Tuch", "Home", "Nagomi", 1_350),
    ("Lampe \"Andon\"", "Home", "Lichtblick", 7_490),
    ("Papierschirm", "Home", "Lichtblick", 3_290),
    ("Räucherstäbchen; Sandelholz", "Home", "Nagomi", 990),
    ("Noren-Vorhang", "Home", "Lichtblick", 3_850),
    ("Tatami-Matte 90×200", "Home", "Lichtblick", 14_900),
    ("Kissen Zabuton", "Home", "Lichtblick", 4_290),
    ("Vase, craquelé", "Home", "Nagomi", 3_490),
    ("Ikebana-Igel", "Home", "Nagomi", 1_990),
    ("Kalender 2027", "Paper", "Blatt & Bogen", 2_450),
    ("Pinsel-Set", "Paper", "Blatt & Bogen", 2_150),
    ("Tusche, schwarz", "Paper", "Blatt & Bogen", 1_190),
    ("Papier Washi, 20 Bogen", "Paper", "Blatt & Bogen", 1_680),
    ("Origami-Papier", "Paper", "Blatt & Bogen", 750),
    ("Geschenkkarte 25", "Voucher", "Uramaki", 2_500),
    ("Geschenkkarte 50", "Voucher", "Uramaki", 5_000),
    ("Sushi-Kurs (Abend)", "Course", "Uramaki", 6_900),
    ("Tee-Zeremonie", "Course", "Uramaki", 4_900),
    ("Schürze", "Kitchen", "Maki Manufaktur", 2_290),
    ("Topflappen", "Kitchen", "Maki Manufaktur", 640),
    ("Ramen-Schale", "Table", "Maki Manufaktur", 1_790),
    ("Löffel Chirirenge", "Table", "Hashi & Söhne", 390),
    ("Probe (gratis)", "Pantry", "Kōji", 0),
];

/// Team names as the help desk knows them; the pipeline maps them to departments.
pub const GROUPS: [(i64, &str, &str); 6] = [
    (360_000_000_001, "Kundendienst 1st Level", "support"),
    (360_000_000_002, "Kundendienst 2nd Level", "support"),
    (360_000_000_003, "Buchhaltung", "billing"),
    (360_000_000_004, "Vertrieb Innendienst", "sales"),
    (360_000_000_005, "Reklamation", "complaints"),
    (360_000_000_006, "Filialen", "sales"),
];

/// Agents and admins: id, name, e-mail, role.
pub const STAFF: [(i64, &str, &str, &str); 12] = [
    (365_000_000_001, "Bärbel Kranz", "b.kranz@uramaki.example", "agent"),
    (365_000_000_002, "Torsten Weiß", "t.weiss@uramaki.example", "agent"),
    (365_000_000_003, "Aylin Demir", "a.demir@uramaki.example", "agent"),
    (365_000_000_004, "Rémi Duval", "r.duval@uramaki.example", "agent"),
    (365_000_000_005, "Grażyna Nowak", "g.nowak@uramaki.example", "agent"),
    (365_000_000_006, "Hans-Jörg Ött", "h.oett@uramaki.example", "agent"),
    (365_000_000_007, "Nora Süß", "n.suess@uramaki.example", "agent"),
    (365_000_000_008, "Colin Baker", "c.baker@uramaki.example", "agent"),
    (365_000_000_009, "Yuki Tanaka", "y.tanaka@uramaki.example", "agent"),
    (365_000_000_010, "Petra Vogel", "p.vogel@uramaki.example", "agent"),
    (365_000_000_011, "Ute Schröder", "u.schroeder@uramaki.example", "admin"),
    (365_000_000_012, "Ingo Meißner", "i.meissner@uramaki.example", "admin"),
];

pub const NOTES: [&str; 8] = [
    "Bitte beim Nachbarn abgeben,\r\nFam. \"Groß\", 2. Stock",
    "Geschenk! Bitte ohne Rechnung im Paket.",
    "Klingel defekt; bitte anrufen",
    "Leave with the porter, \"The Old Mill\"",
    "Merci de livrer après 18 h",
    "Rückruf erwünscht\nDanke, schöne Grüße 🦊",
    "=SUMME(A1:A9)",
    "Lieferung frühestens am Montag, nicht am Samstag",
];

/// Topic, subject, description.
pub const MATTERS: [(&str, &str, &str); 9] = [
    (
        "delivery",
        "Wo bleibt meine Bestellung?",
        "Guten Tag,\nmein Paket ist noch nicht da. Können Sie bitte nachsehen?",
    ),
    ("delivery", "Parcel still missing", "Hello, the tracking page has shown \"in transit\" for days."),
    ("refund", "Rückerstattung", "Ich habe die Ware zurückgeschickt und warte auf mein Geld."),
    ("invoice", "Frage zur Rechnung", "Die Rechnung stimmt nicht mit der Lieferung überein."),
    ("payment", "Karte abgelehnt / doppelt belastet", "Meine Karte wurde belastet, obwohl …"),
    ("product", "Ist das Messer spülmaschinenfest?", "Die Beschreibung sagt dazu nichts. Merci d'avance!"),
    ("account", "Ich kann mich nicht anmelden", "Paßwort vergessen, und die E-Mail kommt nicht an."),
    ("complaint", "Schale zerbrochen", "Die Schale kam in Scherben an 😞. Fotos anbei."),
    ("other", "Öffnungszeiten?", "Haben Sie am Samstag geöffnet?"),
];
