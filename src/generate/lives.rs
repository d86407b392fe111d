//! Who the customers are, which systems know them, and by what evidence.

use super::billing;
use super::calendar::DAY;
use super::model::*;
use super::names::{COUNTRIES, MAIL_HOSTS, STREETS, first_names, last_names, places};
use super::rng::{Rng, base62, scramble};
use super::shop;
use super::support;
use super::world::{SHARED_INFO_MAIL, SHARED_PHONE, SHARED_TEST_MAIL, World, moment, streams};

/// People are made in blocks: the first few of a block may be a family that shares a telephone.
pub const BLOCK: u64 = 4;

/// One person, with what the person writes into forms.
#[derive(Debug, Clone)]
pub struct Person {
    pub number: u64,
    pub first: (&'static str, &'static str),
    pub last: (&'static str, &'static str),
    pub country: usize,
    pub email: String,
    /// National digits of the telephone, without the leading 0.
    pub phone: String,
    pub is_family: bool,
    pub street: String,
    pub place: (&'static str, &'static str),
    pub joined: i64,
    /// Index of the shop account's record.
    pub account: Option<usize>,
    /// Index of the help desk's record of the person.
    pub desk: Option<usize>,
    /// Index of the usual Stripe customer.
    pub payer: Option<usize>,
    /// Stripe customers made for the person so far.
    pub payers: u64,
    /// Tickets opened by the person so far.
    pub tickets: u64,
    /// Where the person's orders begin in the household's.
    pub orders_from: usize,
}

impl Person {
    pub fn code(&self) -> &'static str {
        COUNTRIES[self.country].0
    }

    /// Names the real person in people.csv.
    pub fn entity(&self) -> u64 {
        self.number
    }
}

/// The lives of one block of people, up to the end of the last night.
pub fn household(world: &World, block: u64) -> Household {
    let mut rng = Rng::new(world.seed, streams::LIVES, block);
    let mut house = Household { number: block, ..Household::default() };
    let first = block * BLOCK;
    let size = BLOCK.min(world.customers - first);
    let family = if rng.chance(90) { rng.between(2, BLOCK as i64) as u64 } else { 1 };
    let mut family_phone = None;
    for number in first..first + size {
        let mut person = person(world, &mut rng, number);
        if number - first < family && family > 1 {
            let (country, phone) = family_phone.get_or_insert((person.country, person.phone.clone()));
            person.country = *country;
            person.phone.clone_from(phone);
            person.is_family = true;
        }
        live(world, &mut rng, &mut house, &mut person);
    }
    house
}

fn person(world: &World, rng: &mut Rng, number: u64) -> Person {
    let country = rng.weighted(&COUNTRIES.map(|c| c.1));
    let code = COUNTRIES[country].0;
    let first = *rng.pick(first_names(code));
    let last = *rng.pick(last_names(code));
    let email = format!("{}.{}{}@{}", first.1, last.1, number, rng.pick(&MAIL_HOSTS));
    let street = format!("{} {}", rng.pick(&STREETS), rng.between(1, 180));
    let place = *rng.pick(places(code));
    let joined = moment(rng, world.start, world.as_of - 2 * DAY);
    Person {
        number,
        first,
        last,
        country,
        email,
        phone: phone_digits(code, number * 4),
        is_family: false,
        street,
        place,
        joined,
        account: None,
        desk: None,
        payer: None,
        payers: 0,
        tickets: 0,
        orders_from: 0,
    }
}

fn live(world: &World, rng: &mut Rng, house: &mut Household, person: &mut Person) {
    let kind = rng.weighted(&[870, 80, 50]);
    let never_orders = kind == 2;
    person.orders_from = house.orders.len();
    let records_from = house.records.len();
    if kind == 0 || (never_orders && rng.chance(600)) {
        person.account = Some(house.records.len());
        house.records.push(account(world, rng, person));
    }
    if never_orders || rng.chance(620) {
        person.desk = Some(house.records.len());
        let user = desk_user(world, rng, person);
        house.records.push(user);
    }
    if !never_orders {
        for (nth, at) in order_times(world, rng, person, kind == 1).into_iter().enumerate() {
            let order = shop::order(world, rng, house, person, nth as u64, at);
            billing::bill(world, rng, house, person, order);
        }
    }
    if rng.chance(20) {
        billing::loose_charge(world, rng, house, person);
    }
    support::tickets(world, rng, house, person);
    for record in house.records[records_from..].iter_mut().filter(|r| r.source == Source::StripeCustomer) {
        if rng.chance(18) {
            record.deleted_at = Some(change_moment(world, rng, record.created())).filter(|at| *at < world.as_of);
        }
    }
    if world.has_shared_evidence() {
        strangers(world, rng, house, person);
    }
}

fn order_times(world: &World, rng: &mut Rng, person: &Person, is_guest: bool) -> Vec<i64> {
    let mut count = 1;
    let again = if is_guest { 700 } else { 856 };
    while count < 40 && rng.chance(again) {
        count += 1;
    }
    let rush = world.ends[0] - 6 * DAY;
    let mut times = vec![person.joined + rng.between(60, 3_000)];
    for _ in 1..count {
        let from = if rng.chance(50) { rush.max(person.joined) } else { person.joined };
        times.push(moment(rng, from + 3_600, world.as_of));
    }
    times.sort_unstable();
    times.iter().map(|t| snap(*t, SHIPPED)).filter(|t| *t < world.as_of).collect()
}

fn account(world: &World, rng: &mut Rng, person: &Person) -> Record {
    let with_phone = person.is_family || rng.chance(720);
    let mut version = blank(person, person.joined);
    version.marketing = rng.chance(450);
    version.email = spell_email(rng, &person.email, 60);
    if with_phone {
        version.phone = spell_phone(rng, person.code(), &person.phone);
    } else if rng.chance(120) {
        version.phone = Evidence { text: Some((*rng.pick(&["1", "keine Angabe", "", "0"])).into()), value: None };
    }
    let mut versions = vec![version];
    if rng.chance(170) {
        let mut moved = versions[0].clone();
        moved.at = change_moment(world, rng, person.joined);
        moved.street = format!("{} {}", rng.pick(&STREETS), rng.between(1, 180));
        moved.place(*rng.pick(places(person.code())));
        moved.marketing = rng.chance(500);
        versions.push(moved);
    }
    if rng.chance(50) {
        let mut renamed = versions[versions.len() - 1].clone();
        renamed.at = change_moment(world, rng, renamed.at);
        let address = format!("neu.{}{}@{}", person.last.1, person.number, rng.pick(&MAIL_HOSTS));
        renamed.email = spell_email(rng, &address, 60);
        versions.push(renamed);
    }
    versions.retain(|v| v.at < world.as_of);
    Record {
        source: Source::ShopCustomer,
        id: (6_000_000_000_000 + scramble(person.number, 11)).to_string(),
        entity: person.entity(),
        versions,
        deleted_at: None,
    }
}

/// Changes come at any time, but often enough in the last nights to be seen there.
fn change_moment(world: &World, rng: &mut Rng, after: i64) -> i64 {
    let from = if rng.chance(250) { (world.ends[0] - DAY).max(after) } else { after };
    snap(moment(rng, from + 7_200, world.as_of), HANDLED)
}

impl RecordVersion {
    fn place(&mut self, place: (&'static str, &'static str)) {
        (self.postcode, self.city) = place;
    }
}

/// A record's version that states name and address, but no evidence.
pub fn blank(person: &Person, at: i64) -> RecordVersion {
    RecordVersion {
        at: snap(at, OPENED),
        first_name: person.first.0.into(),
        last_name: person.last.0.into(),
        email: Evidence::default(),
        phone: Evidence::default(),
        street: person.street.clone(),
        postcode: person.place.0,
        city: person.place.1,
        country: Some(person.code()),
        marketing: false,
    }
}

pub fn desk_user(world: &World, rng: &mut Rng, person: &Person) -> Record {
    let mut version = blank(person, person.joined + 1_800);
    version.country = None;
    let other = format!("{}{}.privat@{}", person.last.1, person.number, rng.pick(&MAIL_HOSTS));
    // The help desk's records have no country: a number is read as German unless it says otherwise.
    match rng.weighted(&[66, 9, 9, 8, 8]) {
        0 => version.email = plain(&person.email),
        1 => version.email = spell_email(rng, &person.email, 1000),
        2 => version.phone = spell_phone_abroad(rng, person),
        3 => {
            version.email = plain(&other);
            version.phone = spell_phone_abroad(rng, person);
        }
        _ => version.email = plain(&other),
    }
    if version.phone.text.is_none() && rng.chance(if person.is_family { 500 } else { 150 }) {
        version.phone = spell_phone_abroad(rng, person);
    }
    let mut versions = vec![version];
    if rng.chance(60) {
        let mut changed = versions[0].clone();
        changed.at = change_moment(world, rng, changed.at);
        if changed.phone.text.is_none() {
            changed.phone = spell_phone_abroad(rng, person);
        } else {
            changed.email = plain(&person.email);
        }
        versions.push(changed);
    }
    versions.retain(|v| v.at < world.as_of);
    Record {
        source: Source::DeskUser,
        id: desk_id(person.number * 4).to_string(),
        entity: person.entity(),
        versions,
        deleted_at: None,
    }
}

/// A caller whom the help desk did not recognise: a second user with nothing but the number.
pub fn caller(rng: &mut Rng, person: &Person, at: i64) -> Record {
    let mut version = blank(person, at);
    version.country = None;
    version.first_name = "Anrufer".into();
    version.last_name = String::new();
    version.phone = spell_phone_abroad(rng, person);
    Record {
        source: Source::DeskUser,
        id: desk_id(person.number * 4 + 3).to_string(),
        entity: person.entity(),
        versions: vec![version],
        deleted_at: None,
    }
}

/// A help desk's id.
pub fn desk_id(number: u64) -> i64 {
    370_000_000_000 + scramble(number, 12) as i64
}

/// The Stripe customer who pays a person's orders, made with the first invoice; guests get one of their own.
pub fn stripe_customer(rng: &mut Rng, person: &mut Person, at: i64, guest: Option<&Evidence>) -> Record {
    let number = person.number * 64 + person.payers;
    person.payers += 1;
    let mut version = blank(person, at);
    version.at = snap(at, BILLED);
    match guest {
        Some(email) => version.email = email.clone(),
        None => match rng.weighted(&[80, 6, 5, 5, 4]) {
            0 => version.email = plain(&person.email),
            1 => version.email = spell_email(rng, &person.email, 1000),
            2 => {
                version.email = plain(&format!("{}.{}.karte@{}", person.last.1, person.number, rng.pick(&MAIL_HOSTS)));
                version.phone = spell_phone(rng, person.code(), &person.phone);
            }
            3 => version.email = plain(&format!("{}.{}.büro@{}", person.last.1, person.number, rng.pick(&MAIL_HOSTS))),
            _ => version.phone = spell_phone(rng, person.code(), &person.phone),
        },
    }
    if guest.is_none() && version.phone.text.is_none() && rng.chance(200) {
        version.phone = spell_phone(rng, person.code(), &person.phone);
    }
    Record {
        source: Source::StripeCustomer,
        id: format!("cus_{}", base62(number, 13)),
        entity: person.entity(),
        versions: vec![version],
        deleted_at: None,
    }
}

/// Records of a person that state evidence which many strangers share.
fn strangers(world: &World, rng: &mut Rng, house: &mut Household, person: &Person) {
    let n = world.customers;
    let at = moment(rng, person.joined.min(world.as_of - 3 * DAY) + 60, world.as_of - DAY);
    if person.number % (n / 40).max(6) == 1 {
        let mut version = blank(person, at);
        version.country = None;
        let text = *rng.pick(&["test@test.de", "Test@Test.de", " TEST@test.de ", "test@test.de\u{a0}"]);
        version.email = Evidence { text: Some(text.into()), value: Some(SHARED_TEST_MAIL.into()) };
        push(house, Source::DeskUser, desk_id(person.number * 4 + 1).to_string(), person.entity(), version);
    }
    if person.number % (n / 30).max(7) == 2 {
        let mut version = blank(person, at);
        version.country = None;
        let text = *rng.pick(&["+49 30 901820", "030 901820", "030/901820", "0049 30 90 18 20"]);
        version.phone = Evidence { text: Some(text.into()), value: Some(SHARED_PHONE.into()) };
        push(house, Source::DeskUser, desk_id(person.number * 4 + 2).to_string(), person.entity(), version);
    }
    if person.number % (n / 30).max(7) == 4 {
        let mut version = blank(person, at);
        version.at = snap(at, BILLED);
        let text = *rng.pick(&["info@einkaufsring.example", "Info@Einkaufsring.example"]);
        version.email = Evidence { text: Some(text.into()), value: Some(SHARED_INFO_MAIL.into()) };
        let id = format!("cus_{}", base62(person.number * 64 + 63, 13));
        push(house, Source::StripeCustomer, id, person.entity(), version);
    }
}

fn push(house: &mut Household, source: Source, id: String, entity: u64, version: RecordVersion) {
    house.records.push(Record { source, id, entity, versions: vec![version], deleted_at: None });
}

pub fn plain(email: &str) -> Evidence {
    Evidence { text: Some(email.into()), value: Some(email.into()) }
}

/// An address, in `per_mille` of 1000 cases with capitals and blanks around it.
pub fn spell_email(rng: &mut Rng, email: &str, per_mille: u64) -> Evidence {
    let mut text = email.to_string();
    if rng.chance(per_mille) {
        text = match rng.below(5) {
            0 => email.to_uppercase(),
            1 => format!(" {email}"),
            2 => format!("{email}\u{a0}"),
            3 => format!("\u{3000}{} ", email.to_uppercase()),
            _ => {
                let mut chars = email.chars();
                chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
            }
        };
    }
    Evidence { text: Some(text), value: Some(email.into()) }
}

/// A mobile number that no one else has (`index` below ten million for the smaller countries).
fn phone_digits(country: &str, index: u64) -> String {
    // 7919 is prime to the powers of ten, so that no two indexes meet.
    let spread = |space: u64| (index * 7919 + 1_234_567) % space;
    let high = index / 10_000_000;
    match country {
        "AT" => format!("664{:08}", spread(100_000_000)),
        "CH" => format!("{}{:07}", 76 + high % 4, spread(10_000_000)),
        "GB" => format!("71{:08}", spread(100_000_000)),
        "FR" => format!("6{}{:07}", 1 + high % 2, spread(10_000_000)),
        "PL" => format!("{}{:07}", [60, 66, 69, 72][(high % 4) as usize], spread(10_000_000)),
        "JP" => format!("90{:08}", 10_000_000 + spread(80_000_000)),
        _ => format!("151{:08}", spread(100_000_000)),
    }
}

fn dial_code(country: &str) -> &'static str {
    match country {
        "AT" => "43",
        "CH" => "41",
        "GB" => "44",
        "FR" => "33",
        "PL" => "48",
        "JP" => "81",
        _ => "49",
    }
}

/// A number in one of the forms in which people of the country write it.
pub fn spell_phone(rng: &mut Rng, country: &str, digits: &str) -> Evidence {
    let code = dial_code(country);
    let (area, rest) = digits.split_at(3);
    // Poland has no leading zero.
    let trunk = if country == "PL" { "" } else { "0" };
    let text = match rng.below(6) {
        0 => format!("+{code}{digits}"),
        1 => format!("+{code} {area} {rest}"),
        2 => format!("00{code} {area} {rest}"),
        3 => format!("{trunk}{digits}"),
        4 => format!("{trunk}{area} {rest}"),
        _ => format!("{trunk}{area}-{rest}"),
    };
    // In Japan one dials 010 to go abroad, so that 0081 means nothing there.
    let text = if country == "JP" && text.starts_with("00") { format!("+{code} {area} {rest}") } else { text };
    Evidence { text: Some(text), value: Some(format!("+{code}{digits}")) }
}

/// A number on a record without country: foreigners write theirs with the country's code.
fn spell_phone_abroad(rng: &mut Rng, person: &Person) -> Evidence {
    let country = person.code();
    if country == "DE" {
        return spell_phone(rng, country, &person.phone);
    }
    let code = dial_code(country);
    let text = match rng.below(2) {
        0 => format!("+{code}{}", person.phone),
        _ => format!("00{code} {}", person.phone),
    };
    Evidence { text: Some(text), value: Some(format!("+{code}{}", person.phone)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn every_phone_is_what_the_phone_library_reads() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let world = World::new(5, 4000, first, 3);
        let mut seen = 0;
        for block in 0..1000 {
            for record in household(&world, block).records {
                for version in &record.versions {
                    let Some(text) = &version.phone.text else { continue };
                    let region = version.country.unwrap_or("DE").parse().ok();
                    let read = phonenumber::parse(region, text).ok().filter(phonenumber::is_valid);
                    let read = read.map(|n| n.format().mode(phonenumber::Mode::E164).to_string());
                    assert_eq!(read, version.phone.value, "{text} in {:?}", version.country);
                    seen += 1;
                }
            }
        }
        assert!(seen > 2000);
    }

    #[test]
    fn a_life_hangs_on_seed_and_number_only() {
        let first = NaiveDate::from_ymd_opt(2026, 11, 18).expect("a date");
        let small = World::new(5, 100, first, 3);
        let again = World::new(5, 100, first, 3);
        let other = World::new(6, 100, first, 3);
        let tell = |world: &World| format!("{:?}", household(world, 7));
        assert_eq!(tell(&small), tell(&again));
        assert_ne!(tell(&small), tell(&other));
    }
}
