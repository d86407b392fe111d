//! Tickets: what customers ask, and how long it takes until somebody answers.

use super::billing;
use super::calendar::{DAY, HOUR};
use super::lives::{Person, caller, desk_id, desk_user};
use super::model::*;
use super::names::{GROUPS, STAFF};
use super::rng::{Rng, scramble};
use super::world::{World, moment};

/// Tickets a person can have.
const TICKETS_EACH: u64 = 120;
/// Author of what the help desk does by itself.
const SYSTEM: i64 = -1;

/// Indexes of `names::MATTERS`.
mod matter {
    pub const LATE: usize = 0;
    pub const REFUND: usize = 2;
    pub const INVOICE: usize = 3;
    pub const PAYMENT: usize = 4;
    pub const BROKEN: usize = 7;
}

/// All that a person asks: about orders, and about nothing.
pub fn tickets(world: &World, rng: &mut Rng, house: &mut Household, person: &mut Person) {
    for order in person.orders_from..house.orders.len() {
        about(world, rng, house, person, order);
    }
    let anchor = person.joined + 2 * HOUR;
    let count = if person.account.is_none() && person.orders_from == house.orders.len() { 1 } else { 0 };
    for _ in 0..count + rng.weighted(&[60, 22, 11, 5, 2]) {
        let matter = *rng.pick(&[1, 3, 5, 5, 6, 8]);
        let at = moment(rng, anchor, world.as_of);
        ask(world, rng, house, person, at, matter, None);
    }
}

fn about(world: &World, rng: &mut Rng, house: &mut Household, person: &mut Person, order: usize) {
    let told = &house.orders[order];
    let (id, created, refund) = (told.id, told.created, told.refunds.first().map(|r| r.at));
    let delivered = told.delivered(world.as_of);
    // The attempts to take money for the order: failed, succeeded.
    let attempts: Vec<(i64, bool)> = house
        .charges
        .iter()
        .filter(|c| c.invoice.is_some_and(|i| house.invoices[i].order == Some(id)))
        .map(|c| (c.created, c.status.at(world.as_of) == Some("failed")))
        .collect();
    if let Some(promised) = refund.filter(|_| rng.chance(500)) {
        let at = (promised - rng.between(4 * HOUR, 3 * DAY)).max(created + HOUR);
        ask(world, rng, house, person, at, matter::REFUND, Some(id));
    } else if delivered.is_some() && rng.chance(22) {
        // Promised on the telephone: the shop never hears of it.
        let at = delivered.unwrap_or(created) + rng.between(DAY, 10 * DAY);
        if let Some(solved) = ask(world, rng, house, person, at, matter::REFUND, Some(id)) {
            billing::pay_back(world, rng, house, id, solved, None);
        }
    }
    let failed = attempts.iter().find(|(_, failed)| *failed).map(|(at, _)| *at);
    if let Some(failed) = failed.filter(|_| rng.chance(420)) {
        let at = failed + rng.between(-12 * HOUR, 10 * HOUR);
        ask(world, rng, house, person, at, matter::PAYMENT, Some(id));
    } else if attempts.iter().filter(|(_, failed)| !failed).count() > 1 && rng.chance(600) {
        ask(world, rng, house, person, attempts[attempts.len() - 1].0 + 7 * HOUR, matter::PAYMENT, Some(id));
    }
    if rng.chance(185) {
        let (matter, at) = match (rng.weighted(&[50, 25, 25]), delivered) {
            (1, Some(delivered)) => (matter::BROKEN, delivered + rng.between(HOUR, 4 * DAY)),
            (2, Some(delivered)) => (matter::INVOICE, delivered + rng.between(6 * HOUR, 9 * DAY)),
            _ => (matter::LATE, created + rng.between(DAY, 8 * DAY)),
        };
        ask(world, rng, house, person, at, matter, Some(id));
    }
}

/// Opens a ticket, and sometimes another after it; gives the moment at which it was first solved.
fn ask(
    world: &World,
    rng: &mut Rng,
    house: &mut Household,
    person: &mut Person,
    at: i64,
    matter: usize,
    order: Option<u64>,
) -> Option<i64> {
    let opened = snap(at, OPENED);
    if opened >= world.as_of || person.tickets >= TICKETS_EACH {
        return None;
    }
    let asker = requester(world, rng, house, person, opened);
    let number = person.number * 128 + person.tickets;
    person.tickets += 1;
    let mut requester: i64 = asker.map_or(0, |a| house.records[a].id.parse().unwrap_or_default());
    let mut asker = asker;
    if rng.chance(6) {
        // Written down by a colleague in the own name: nobody's ticket.
        requester = STAFF[11].0;
        asker = None;
    } else if rng.chance(2) {
        // A user whom no extract knows.
        requester = desk_id(person.number * 4 + 3) + 2_000_000_000_000;
        asker = None;
    }
    let ticket = handle(world, rng, Asked { number, requester, asker, matter, order, opened });
    let solved = first_solved(&ticket);
    house.tickets.push(ticket);
    if let Some(solved) = solved
        && rng.chance(75)
    {
        let later = solved + rng.between(HOUR, 9 * DAY);
        let same = order.filter(|_| rng.chance(500));
        ask(world, rng, house, person, later, if same.is_some() { matter } else { 8 }, same);
    }
    solved
}

fn first_solved(ticket: &Ticket) -> Option<i64> {
    let solves = |e: &Event| matches!(e, Event::Change(Field::Status, _, Value::Text("solved")));
    ticket.audits.iter().find(|a| a.events.iter().any(solves)).map(|a| a.at)
}

fn requester(world: &World, rng: &mut Rng, house: &mut Household, person: &mut Person, opened: i64) -> Option<usize> {
    let mine = |house: &Household, id: i64| {
        let id = id.to_string();
        house.records.iter().position(|r| r.source == Source::DeskUser && r.id == id)
    };
    if world.has_shared_evidence() && rng.chance(30) {
        // The stranger's mailbox, where the person has one.
        if let Some(shared) = mine(house, desk_id(person.number * 4 + 1)) {
            return Some(shared);
        }
    }
    let record = if rng.chance(25) {
        mine(house, desk_id(person.number * 4 + 3)).unwrap_or_else(|| {
            house.records.push(caller(rng, person, opened - 90));
            house.records.len() - 1
        })
    } else {
        match person.desk {
            Some(known) => known,
            None => {
                let user = desk_user(world, rng, person);
                house.records.push(user);
                person.desk = Some(house.records.len() - 1);
                house.records.len() - 1
            }
        }
    };
    // The user is known from the first ticket on.
    let first = &mut house.records[record].versions[0];
    first.at = first.at.min(opened - 120);
    Some(record)
}

struct Asked {
    number: u64,
    requester: i64,
    asker: Option<usize>,
    matter: usize,
    order: Option<u64>,
    opened: i64,
}

/// The desk that works on one ticket.
struct Desk<'a> {
    world: &'a World,
    ticket: Ticket,
    number: u64,
    now: i64,
    status: &'static str,
    group: i64,
    agent: i64,
}

fn handle(world: &World, rng: &mut Rng, asked: Asked) -> Ticket {
    let channel = ["web", "email", "voice", "chat", "api", "mobile"][rng.weighted(&[34, 36, 12, 10, 4, 4])];
    let is_routed = rng.chance(750);
    // Without routing it lies with customer service until a team takes it.
    let group = GROUPS[rng.weighted(if is_routed { &[60, 12, 12, 8, 6, 2] } else { &[80, 20] })].0;
    let agent = STAFF[rng.below(11) as usize].0;
    let mut opening = vec![Event::Create(Field::Status, Value::Text("new"))];
    if is_routed {
        opening.push(Event::Create(Field::Group, Value::Id(group)));
    }
    // A call is written down by the colleague who took it, for colleagues only.
    let is_noted = channel == "voice" && rng.chance(350);
    opening.push(Event::Comment { public: !is_noted });
    if rng.chance(400) {
        opening.push(Event::Notification);
    }
    let ticket = Ticket {
        id: 1_000_000 + scramble(asked.number, 31),
        requester: asked.requester,
        asker: asked.asker,
        order: asked.order,
        matter: asked.matter,
        channel,
        tagged_refund: asked.matter == matter::REFUND,
        tagged_topic: rng.chance(900),
        audits: vec![],
        silent_score: None,
    };
    let mut desk = Desk { world, ticket, number: asked.number, now: asked.opened, status: "new", group, agent };
    desk.write(asked.opened, if is_noted { agent } else { asked.requester }, opening);
    // Whether the ticket went on to its end or the last night came first.
    let _ = desk.work(rng, is_routed);
    desk.ticket
}

impl Desk<'_> {
    fn write(&mut self, at: i64, author: i64, events: Vec<Event>) {
        let id = 700_000_000_000 + scramble(self.number * 64 + self.ticket.audits.len() as u64, 32);
        self.ticket.audits.push(Audit { id, at, author, events });
        self.now = at;
    }

    /// What happens next; None where it lies after the last night.
    fn step(&mut self, at: i64, author: i64, events: Vec<Event>) -> Option<()> {
        let at = snap(at.max(self.now + 1), HANDLED);
        if at >= self.world.as_of {
            return None;
        }
        self.write(at, author, events);
        Some(())
    }

    /// What a colleague does, mostly in office hours.
    fn act(&mut self, rng: &mut Rng, wait: i64, events: Vec<Event>) -> Option<()> {
        let at = self.now + wait;
        let at = if rng.chance(870) { self.world.office(rng, at) } else { at };
        self.step(at, self.agent, events)
    }

    fn to(&mut self, status: &'static str) -> Event {
        let from = std::mem::replace(&mut self.status, status);
        Event::Change(Field::Status, Value::Text(from), Value::Text(status))
    }

    fn work(&mut self, rng: &mut Rng, is_routed: bool) -> Option<()> {
        let public = Event::Comment { public: true };
        let private = Event::Comment { public: false };
        if !is_routed {
            let first = Event::Change(Field::Group, Value::Null, Value::Id(self.group));
            self.step(self.now + rng.between(30, HOUR), SYSTEM, vec![first])?;
        }
        let transfers = rng.weighted(&[780, 130, 65, 25]);
        let early = if rng.chance(500) { transfers } else { 0 };
        for _ in 0..early {
            self.transfer(rng)?;
        }
        let mut take = vec![];
        if rng.chance(850) {
            take.push(Event::Change(Field::Assignee, Value::Null, Value::Id(self.agent)));
        }
        if rng.chance(800) {
            take.push(self.to("open"));
        }
        let fate = rng.weighted(&[840, 85, 35, 40]);
        let wait = match fate {
            1 => rng.between(2 * DAY, 8 * DAY),
            _ => rng.between(15 * 60, 9 * HOUR),
        };
        if fate == 3 {
            // Taken by somebody, answered by nobody.
            return if take.is_empty() { None } else { self.act(rng, wait, take) };
        }
        if !take.is_empty() && rng.chance(350) {
            let taken = std::mem::take(&mut take);
            self.act(rng, wait / 3, taken)?;
        }
        let solves_at_once = fate == 2 || rng.chance(650);
        take.push(if fate == 2 { private } else { public });
        if solves_at_once {
            take.push(self.to("solved"));
        } else if rng.chance(400) {
            take.push(self.to("pending"));
        }
        self.act(rng, wait, take)?;
        for _ in early..transfers {
            self.transfer(rng)?;
        }
        if self.status != "solved" {
            self.talk(rng)?;
        }
        self.afterwards(rng)
    }

    /// Question and answer until it is solved, or until nobody cares any more.
    fn talk(&mut self, rng: &mut Rng) -> Option<()> {
        if rng.chance(400) {
            let mut events = vec![Event::Comment { public: true }];
            if self.status == "pending" {
                events.push(self.to("open"));
            }
            self.step(
                self.now + rng.between(HOUR, 2 * DAY),
                self.ticket.requester,
                self.requester_says(events.clone()),
            )?;
            let reply = vec![Event::Comment { public: true }];
            let wait = rng.between(HOUR, 30 * HOUR);
            self.act(rng, wait, reply)?;
        }
        if rng.chance(150) {
            self.act(rng, HOUR, vec![Event::Comment { public: false }])?;
        }
        if rng.chance(60) {
            let next = STAFF[rng.below(10) as usize].0;
            if next != self.agent && matches!(self.ticket.field(Field::Assignee, i64::MAX), Value::Id(_)) {
                let change = Event::Change(Field::Assignee, Value::Id(self.agent), Value::Id(next));
                self.act(rng, HOUR, vec![change])?;
                self.agent = next;
            }
        }
        if rng.chance(70) {
            if self.status == "open" && rng.chance(500) {
                let hold = vec![self.to("hold")];
                self.act(rng, HOUR, hold)?;
            }
            return None;
        }
        let wait = rng.between(20 * 60, 3 * DAY);
        let mut solve = vec![self.to("solved")];
        if rng.chance(250) {
            solve.insert(0, Event::Comment { public: true });
        }
        self.act(rng, wait, solve)
    }

    /// A comment of the requester; staff who ask for others say nothing more.
    fn requester_says(&self, events: Vec<Event>) -> Vec<Event> {
        if self.ticket.asker.is_some() {
            return events;
        }
        events.into_iter().map(|e| if matches!(e, Event::Comment { .. }) { Event::Notification } else { e }).collect()
    }

    fn transfer(&mut self, rng: &mut Rng) -> Option<()> {
        let others: Vec<i64> = GROUPS.iter().map(|g| g.0).filter(|g| *g != self.group).collect();
        let next = others[rng.weighted(&[30, 30, 20, 15, 5])];
        let change = Event::Change(Field::Group, Value::Id(self.group), Value::Id(next));
        let mut events = vec![change];
        if rng.chance(300) {
            events.push(Event::Comment { public: false });
        }
        let wait = rng.between(20 * 60, 26 * HOUR);
        self.act(rng, wait, events)?;
        self.group = next;
        Some(())
    }

    fn afterwards(&mut self, rng: &mut Rng) -> Option<()> {
        if rng.chance(75) {
            let reopen = *rng.pick(&["open", "open", "open", "pending", "hold", "new"]);
            let events = vec![Event::Comment { public: true }, self.to(reopen)];
            let events = self.requester_says(events);
            self.step(self.now + rng.between(HOUR, 3 * DAY), self.ticket.requester, events)?;
            if rng.chance(150) {
                return None;
            }
            let events = vec![Event::Comment { public: true }, self.to("solved")];
            let wait = rng.between(HOUR, 2 * DAY);
            self.act(rng, wait, events)?;
        }
        if rng.chance(220) {
            let score = if rng.chance(740) { "good" } else { "bad" };
            if rng.chance(200) {
                let at = snap(self.now + rng.between(HOUR, DAY), HANDLED);
                if at < self.world.as_of {
                    self.ticket.silent_score = Some((at, score));
                    self.now = at;
                }
            } else {
                let rated = Event::Change(Field::Score, Value::Text("offered"), Value::Text(score));
                self.step(self.now + rng.between(HOUR, DAY), self.ticket.requester, vec![rated])?;
            }
        }
        if rng.chance(130) {
            let close = vec![self.to("closed")];
            self.step(self.now + 4 * DAY, SYSTEM, close)?;
        }
        if rng.chance(15) {
            let delete = vec![self.to("deleted")];
            let wait = rng.between(HOUR, 5 * DAY);
            self.act(rng, wait, delete)?;
        }
        Some(())
    }
}
