-- The days from which it is told: as many as are foretold, at most half of the company's memory.
with period as (
    select least($expected_value_days, round(max(age) / 2)) as span from orders where customer_id is not null
),

ages as (
    select customer_id, list(age order by age) as ages
    from orders
    where customer_id is not null
    group by customer_id
),

-- Each buyer twice: today, and as she stood when the period began.
standings as (
    select 'now' as moment, customer_id, len(ages) - 1 as repeats, round(ages[-1]) as days, round(ages[1]) as silent, 0 as placed
    from ages
    union all
    select
        'then' as moment,
        customer_id,
        len(before) - 1 as repeats,
        round(before[-1] - (select span from period)) as days,
        round(before[1] - (select span from period)) as silent,
        len(ages) - len(before) as placed
    from (select *, list_filter(ages, lambda a: a > span) as before from ages cross join period)
    where len(before) > 0
),

-- How like one another they come: the spread of their repeats, less that of one pace for all.
likeness as (
    select
        moment,
        sum(repeats) / sum(days) as pace,
        pace ** 2 * sum(days ** 2) as squares,
        sum(repeats ** 2) - 2 * pace * sum(repeats * days) + pace ** 2 * sum(days ** 2) - sum(repeats) as spread,
        case when spread <= 0 then 20 else least(greatest(squares / spread, 0.05), 20) end as prior
    from standings
    group by moment
),

paces as (
    select
        moment,
        customer_id,
        repeats > 0 as returned,
        placed,
        coalesce((repeats + prior) / (days + prior / nullif(pace, 0)), 0) as own,
        own * case moment when 'now' then $expected_value_days else (select span from period) end as foretold,
        case when repeats = 0 then [] else [own * silent < 0.25, own * silent < 0.5, own * silent < 1, own * silent < 2, own * silent < 4] end as silence
    from standings
    join likeness using (moment)
),

kept as (
    select
        n.customer_id,
        n.foretold,
        sum(t.placed) / nullif(sum(t.foretold), 0) as by_all,
        coalesce(sum(t.placed) filter (t.silence = n.silence), 0) as placed,
        coalesce(sum(t.foretold) filter (t.silence = n.silence), 0) as foretold_then
    from paces as n
    left join paces as t on t.moment = 'then' and t.returned = n.returned
    where n.moment = 'now'
    group by n.customer_id, n.foretold
),

-- Who had not ordered when the period began, and was known.
others as (
    select count(*) as customers, sum(coalesce(len(ages), 0)) as placed
    from warehouse.dim_customer
    cross join period
    left join ages using (customer_id)
    where epoch_us($as_of - first_seen_at) / 86400e6 > (select span from period)
        and coalesce(len(list_filter(ages, lambda a: a > span)), 0) = 0
),

buyers_then as (
    select count(*) as buyers from standings where moment = 'then'
),

methods as (
    select
        c.customer_id,
        coalesce(len(ages.ages), 0) as orders,
        case
            when orders > 0 and buyers >= $expected_value_min_customers then 'own_pace'
            when orders = 0 and others.customers >= $expected_value_min_customers and span > 0 then 'like_non_buyers'
            else 'no_history'
        end as method
    from warehouse.dim_customer as c
    left join ages using (customer_id)
    cross join others
    cross join buyers_then
    cross join period
),

expected as (
    select
        customer_id,
        m.orders,
        m.method,
        case m.method
            when 'own_pace' then kept.foretold * (kept.placed + 10 * coalesce(kept.by_all, 1)) / (kept.foretold_then + 10)
            when 'like_non_buyers' then others.placed / others.customers * $expected_value_days / span
        end as expected_orders
    from methods as m
    left join kept using (customer_id)
    cross join others
    cross join period
),

-- What an order of anybody left; nothing, where nobody ordered.
everybody as (
    select coalesce(sum(value_to_date_eur)::double / nullif((select count(*) from orders where customer_id is not null), 0), 0) as average
    from marts.customer_value
)

select
    customer_id,
    e.method,
    (select count(*) from contacts as c where c.customer_id = e.customer_id) as contacts,
    coalesce((select sum(c.cost_eur) from contact_costs as c where c.customer_id = e.customer_id), 0) as cost_to_serve_eur,
    round(e.expected_orders, 4)::decimal(18, 4) as expected_orders,
    coalesce(
        (v.value_to_date_eur::double + $expected_value_prior_orders * (select average from everybody))
        / nullif(e.orders + $expected_value_prior_orders, 0), 0
    ) as value_per_order_eur,
    round(e.expected_orders, 4)::double * value_per_order_eur as expected_value_eur
from expected as e
join marts.customer_value as v using (customer_id)
