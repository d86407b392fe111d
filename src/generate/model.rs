//! What happened: lives of households as plain data.
//!
//! Everything is a fact with its moment (seconds since 1970, UTC). What a system knew on a given evening
//! is asked of these facts ("the state at t"); nothing is stored twice. Moments of different kinds never
//! fall on the same second (see [`snap`]), so no truth hangs on how a tie is broken.

/// The classes of moments, told apart by their second modulo four. All deadlines of the company are whole
/// days, so that classes also never meet across a deadline.
pub const OPENED: i64 = 0;
pub const HANDLED: i64 = 1;
pub const BILLED: i64 = 2;
pub const SHIPPED: i64 = 3;

/// The moment moved to the next second of its class.
pub fn snap(at: i64, class: i64) -> i64 {
    at + (class - at).rem_euclid(4)
}

/// Values with the moment from which each holds, ascending.
#[derive(Debug, Clone, Default)]
pub struct Timeline<T>(pub Vec<(i64, T)>);

impl<T: Copy> Timeline<T> {
    pub fn of(at: i64, value: T) -> Timeline<T> {
        Timeline(vec![(at, value)])
    }

    pub fn then(&mut self, at: i64, value: T) {
        self.0.push((at, value));
    }

    /// The value that holds at a moment.
    pub fn at(&self, at: i64) -> Option<T> {
        self.0.iter().rev().find(|(from, _)| *from <= at).map(|(_, value)| *value)
    }

    /// Forgets what comes at or after a moment: it has not happened yet.
    pub fn cut(&mut self, end: i64) {
        self.0.retain(|(at, _)| *at < end);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    ShopCustomer,
    DeskUser,
    StripeCustomer,
}

impl Source {
    /// The system and the object that hold such records.
    pub fn object(self) -> (&'static str, &'static str) {
        match self {
            Source::ShopCustomer => ("shopify", "customers"),
            Source::DeskUser => ("zendesk", "users"),
            Source::StripeCustomer => ("stripe", "customers"),
        }
    }
}

/// Evidence as a person wrote it, and what it means under the exact rules (None: no evidence).
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    pub text: Option<String>,
    pub value: Option<String>,
}

#[derive(Debug, Clone)]
pub struct RecordVersion {
    pub at: i64,
    pub first_name: String,
    pub last_name: String,
    pub email: Evidence,
    pub phone: Evidence,
    pub street: String,
    pub postcode: &'static str,
    pub city: &'static str,
    pub country: Option<&'static str>,
    pub marketing: bool,
}

/// One person record of one system, with its history.
#[derive(Debug, Clone)]
pub struct Record {
    pub source: Source,
    pub id: String,
    /// The real person whose record it is, which no system knows.
    pub entity: u64,
    pub versions: Vec<RecordVersion>,
    pub deleted_at: Option<i64>,
}

impl Record {
    pub fn at(&self, at: i64) -> &RecordVersion {
        self.versions.iter().rev().find(|v| v.at <= at).unwrap_or(&self.versions[0])
    }

    pub fn created(&self) -> i64 {
        self.versions[0].at
    }

    pub fn latest(&self) -> &RecordVersion {
        &self.versions[self.versions.len() - 1]
    }

    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }
}

#[derive(Debug, Clone)]
pub enum Buyer {
    /// Index of a shop customer's record.
    Account(usize),
    /// A guest under an e-mail address.
    Guest(Evidence),
    /// Neither customer nor e-mail.
    Nobody,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub id: u64,
    pub product: usize,
    pub quantity: i64,
    pub price: i64,
    pub discount: i64,
}

#[derive(Debug, Clone)]
pub struct Fulfillment {
    pub id: u64,
    pub created: i64,
    pub status: Timeline<&'static str>,
    pub delivered: Option<i64>,
}

impl Fulfillment {
    pub fn is_success(&self, at: i64) -> bool {
        self.status.at(at) == Some("success")
    }
}

#[derive(Debug, Clone)]
pub struct ShopRefund {
    pub id: u64,
    pub at: i64,
    pub amount: i64,
}

#[derive(Debug, Clone)]
pub struct Order {
    pub id: u64,
    /// The real person who ordered, whether the shop knows or not.
    pub entity: u64,
    pub buyer: Buyer,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub created: i64,
    pub currency: &'static str,
    pub lines: Vec<Line>,
    pub subtotal: i64,
    pub discounts: i64,
    pub tax: i64,
    pub total: i64,
    pub source_name: &'static str,
    pub note: Option<&'static str>,
    pub cancelled: Option<(i64, &'static str)>,
    pub paid: Option<i64>,
    pub parcels: usize,
    pub fulfillments: Vec<Fulfillment>,
    pub refunds: Vec<ShopRefund>,
}

impl Order {
    /// The moment of the last delivery, where the order is delivered at `at`.
    pub fn delivered(&self, at: i64) -> Option<i64> {
        let mut last = None;
        for parcel in self.fulfillments.iter().filter(|f| f.created <= at && f.is_success(at)) {
            let delivered = parcel.delivered.filter(|d| *d <= at)?;
            last = last.max(Some(delivered));
        }
        last
    }
}

#[derive(Debug, Clone)]
pub struct Invoice {
    pub id: String,
    pub number: String,
    /// Index of a Stripe customer's record; None: a customer that no extract knows.
    pub payer: Option<usize>,
    pub order: Option<u64>,
    pub amount: i64,
    pub currency: &'static str,
    pub created: i64,
    pub due: Option<i64>,
    pub finalized: Option<i64>,
    pub paid: Option<i64>,
    pub voided: Option<i64>,
    pub uncollectible: Option<i64>,
    /// What was paid where it was not paid whole, and when.
    pub part_paid: Option<(i64, i64)>,
}

impl Invoice {
    pub fn status(&self, at: i64) -> &'static str {
        let by = |moment: Option<i64>| moment.is_some_and(|m| m <= at);
        if by(self.voided) {
            "void"
        } else if by(self.paid) {
            "paid"
        } else if by(self.uncollectible) {
            "uncollectible"
        } else if by(self.finalized) {
            "open"
        } else {
            "draft"
        }
    }

    pub fn amount_paid(&self, at: i64) -> i64 {
        if self.status(at) == "paid" {
            self.amount
        } else {
            self.part_paid.filter(|(moment, _)| *moment <= at).map_or(0, |(_, amount)| amount)
        }
    }

    /// What is left to pay; nothing of a void invoice.
    pub fn amount_remaining(&self, at: i64) -> i64 {
        if self.status(at) == "void" { 0 } else { self.amount - self.amount_paid(at) }
    }
}

#[derive(Debug, Clone)]
pub struct Charge {
    pub id: String,
    pub payer: Option<usize>,
    /// Index of the invoice.
    pub invoice: Option<usize>,
    pub amount: i64,
    pub currency: &'static str,
    pub created: i64,
    pub status: Timeline<&'static str>,
    pub failure: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct MoneyBack {
    pub id: String,
    /// Index of the charge.
    pub charge: usize,
    pub amount: i64,
    pub currency: &'static str,
    pub created: i64,
    pub reason: &'static str,
    pub status: Timeline<&'static str>,
}

/// What a change event holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Null,
    Text(&'static str),
    Id(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Status,
    Group,
    Assignee,
    Score,
}

#[derive(Debug, Clone, Copy)]
pub enum Event {
    Create(Field, Value),
    Change(Field, Value, Value),
    Comment { public: bool },
    Notification,
}

#[derive(Debug, Clone)]
pub struct Audit {
    pub id: u64,
    pub at: i64,
    pub author: i64,
    pub events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub struct Ticket {
    pub id: u64,
    pub requester: i64,
    /// Index of the requester's record; None: staff, or a user that no extract knows.
    pub asker: Option<usize>,
    pub order: Option<u64>,
    pub matter: usize,
    pub channel: &'static str,
    pub tagged_refund: bool,
    pub tagged_topic: bool,
    pub audits: Vec<Audit>,
    /// A rating that no audit tells of.
    pub silent_score: Option<(i64, &'static str)>,
}

impl Ticket {
    pub fn opened(&self) -> i64 {
        self.audits[0].at
    }

    /// The value of a field at a moment.
    pub fn field(&self, field: Field, at: i64) -> Value {
        let mut value = Value::Null;
        for audit in self.audits.iter().take_while(|a| a.at <= at) {
            for event in &audit.events {
                match *event {
                    Event::Create(f, v) | Event::Change(f, _, v) if f == field => value = v,
                    _ => {}
                }
            }
        }
        value
    }

    pub fn status(&self, at: i64) -> &'static str {
        match self.field(Field::Status, at) {
            Value::Text(status) => status,
            _ => "new",
        }
    }
}

/// All that a few people who may share evidence did, and all that was done to them.
#[derive(Debug, Clone, Default)]
pub struct Household {
    /// Which household: ids of its things are made from it.
    pub number: u64,
    pub records: Vec<Record>,
    pub orders: Vec<Order>,
    pub invoices: Vec<Invoice>,
    pub charges: Vec<Charge>,
    pub refunds: Vec<MoneyBack>,
    pub disputes: Vec<MoneyBack>,
    pub tickets: Vec<Ticket>,
}

impl Household {
    /// A number that no other household gives to its `nth` thing of a kind.
    pub fn unique(&self, nth: usize) -> u64 {
        self.number * 4096 + nth as u64
    }
}
