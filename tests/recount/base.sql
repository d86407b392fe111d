-- What the other files here read: orders, tickets and contacts, straight from staging, each with its customer. DuckDB's SQL.
create macro day_of(moment) as cast(timezone($time_zone, moment) as date);
create macro month_of(moment) as cast(date_trunc('month', timezone($time_zone, moment)) as date);

-- The company's last day, and its month.
create table today as
select day_of($as_of - interval 1 microsecond) as day, month_of($as_of - interval 1 microsecond) as month;

create table customer_of as
select source_system || '/' || source_object as object, record_id, customer_id from identity.customer_xref;

-- Orders that were not cancelled.
create table orders as
select
    o.id as order_id,
    c.customer_id,
    case o.source_name when 'pos' then 'counter' when 'mobile' then 'app' else 'web' end as channel,
    day_of(o.created_at) as day,
    o.created_at as moment,
    o.total_price as total,
    upper(trim(o.currency)) as currency,
    -- Days of 24 hours from the order to as_of, with their fraction.
    epoch_us($as_of - o.created_at) / 86400e6 as age
from staging.stg_shopify__orders as o
left join customer_of as c
    on (o.customer_id is not null and c.object = 'shopify/customers' and c.record_id = o.customer_id)
    or (o.customer_id is null and c.object = 'shopify/orders' and c.record_id = o.id)
where o.created_at < $as_of and o.cancelled_at is null;

-- What is in them: each product once an order, if any of it remains.
create table order_products as
select
    orders.*,
    l.product_id,
    coalesce(nullif(any_value(p.title), ''), any_value(l.product_id)) as product,
    coalesce(nullif(any_value(p.product_type), ''), 'unknown') as category
from orders
join staging.stg_shopify__order_lines as l using (order_id)
left join staging.stg_shopify__products as p on p.id = l.product_id
where l.product_id is not null
group by all
having sum(l.quantity) > 0;

-- Every event of a ticket's history.
create table events as
select a.id as audit_id, a.ticket_id, a.author_id, a.created_at as moment, unnest(a.events) as event
from staging.stg_zendesk__ticket_audits as a
where a.created_at < $as_of;

create table status_changes as
select ticket_id, moment, event.previous_value as was, event.value as is_now
from events
where event.type = 'Change' and event.field_name = 'status';

create table tickets as
select
    t.id as ticket_id,
    c.customer_id,
    coalesce(t.topic, 'unknown') as topic,
    case t.via_channel when 'voice' then 'phone' when 'mobile' then 'app' when 'api' then 'web' else coalesce(t.via_channel, 'unknown') end as channel,
    t.requester_id,
    t.created_at as opened,
    t.status in ('new', 'open', 'pending', 'hold') as is_open,
    -- When it was over: the last time that it was solved, else its last change.
    case
        when t.status in ('solved', 'closed')
            then coalesce((select max(s.moment) from status_changes as s where s.ticket_id = t.id and s.is_now = 'solved'), t.updated_at)
    end as over,
    exists (
        select 1 from status_changes as s
        where s.ticket_id = t.id and s.was = 'solved' and s.is_now in ('new', 'open', 'pending', 'hold')
    ) as was_reopened,
    exists (
        select 1 from events as e
        where e.ticket_id = t.id and e.event.type = 'Change' and e.event.field_name = 'group_id' and e.event.previous_value <> ''
    ) as was_transferred
from staging.stg_zendesk__tickets as t
left join customer_of as c on c.object = 'zendesk/users' and c.record_id = cast(t.requester_id as varchar)
where t.created_at < $as_of;

-- A contact: the customer opened a ticket, or wrote again (a public comment of hers that is not the opening one).
create table contacts as
select customer_id, ticket_id, opened as moment, 1 as kind, 'ticket_opened:' || ticket_id as id
from tickets
where customer_id is not null
union all
select distinct t.customer_id, t.ticket_id, e.moment, 2 as kind, 'ticket_followed_up:' || e.audit_id as id
from events as e
join tickets as t using (ticket_id)
where t.customer_id is not null
    and e.event.type = 'Comment'
    and e.event.public
    and e.author_id = t.requester_id
    and e.audit_id not in (select audit_id from events where event.type = 'Create')
    -- Where no audit tells of the creation, the moment of opening does.
    and (e.moment > t.opened or t.ticket_id in (select ticket_id from events where event.type = 'Create'));

-- An amount in EUR: at the rate of its day, else the last one before.
create table rates as
select upper(trim(currency)) as currency, date, rate from staging.stg_controlling__fx_rates;

create macro in_eur(amount, money, moment) as
    case
        when money = 'EUR' then amount
        else round(amount / (select max_by(rates.rate, rates.date) from rates where rates.currency = money and rates.date <= day_of(moment)), 2)
    end;

-- The team that had a ticket when a contact came: the last one that was told by then, else the one before the first change, else the one that has it.
create table contact_teams as
select
    c.customer_id,
    c.id,
    (select t.channel from tickets as t where t.ticket_id = c.ticket_id) as channel,
    coalesce(
        (
            select max_by(e.event.value, (e.moment, e.audit_id)) from events as e
            where e.ticket_id = c.ticket_id and e.event.field_name = 'group_id' and e.moment <= c.moment
        ),
        (
            select min_by(e.event.previous_value, (e.moment, e.audit_id)) from events as e
            where e.ticket_id = c.ticket_id and e.event.field_name = 'group_id'
        ),
        (select cast(t.group_id as varchar) from staging.stg_zendesk__tickets as t where t.id = c.ticket_id)
    ) as team
from contacts as c;

create table contact_costs as
select c.customer_id, c.id, coalesce(k.cost_eur, 0) as cost_eur
from contact_teams as c
left join staging.stg_zendesk__groups as g on cast(g.id as varchar) = c.team
left join staging.stg_controlling__contact_costs as k on k.department = coalesce(g.department, 'support') and k.channel = c.channel;
