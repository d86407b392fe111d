-- How many orders a customer will place: her own pace, times what customers like her kept of theirs. What they kept is measured once,
-- over the last days: what each of them did, against what her pace foretold when the days began.
with customers as (

    select
        customer_id,
        epoch_us($as_of) - epoch_us(first_seen_at) as known_us
    from warehouse.dim_customer

),

orders as (

    select
        customer_id,
        epoch_us($as_of) - epoch_us(ordered_at) as age_us
    from warehouse.fct_order
    where not is_cancelled and customer_id is not null

),

-- As long as the period that is foretold, but no more than half of what the company remembers: there has to be something before it.
look_back as (

    select
        least(
            cast($expected_value_days as bigint),
            cast(div_round(coalesce(max(age_us), 0), 172800000000, 0) as bigint)
        ) as days
    from orders

),

by_customer as (

    select
        orders.customer_id,
        count(*) as orders_now,
        max(orders.age_us) as first_us,
        min(orders.age_us) as last_us,
        sum(case when orders.age_us > look_back.days * 86400000000 then 1 else 0 end) as orders_then,
        min(case when orders.age_us > look_back.days * 86400000000 then orders.age_us - look_back.days * 86400000000 end) as last_then_us,
        max(orders.age_us - look_back.days * 86400000000) as first_then_us
    from orders
    cross join look_back
    group by orders.customer_id

),

-- Every buyer as she stands today, and as she stood when the look-back began. Her first order says when she begins, the others how often she comes.
standings as (

    select
        'now' as moment,
        customer_id,
        orders_now - 1 as repeats,
        cast(div_round(first_us, 86400000000, 0) as bigint) as days,
        cast(div_round(last_us, 86400000000, 0) as bigint) as silent_days,
        0 as orders_next
    from by_customer
    union all
    select
        'then' as moment,
        customer_id,
        orders_then - 1 as repeats,
        cast(div_round(first_then_us, 86400000000, 0) as bigint) as days,
        cast(div_round(last_then_us, 86400000000, 0) as bigint) as silent_days,
        orders_now - orders_then as orders_next
    from by_customer
    where orders_then > 0

),

sums as (

    select
        moment,
        cast(count(*) as decimal(38, 0)) as buyers,
        cast(sum(repeats) as decimal(38, 0)) as repeats,
        cast(sum(days) as decimal(38, 0)) as days,
        cast(sum(repeats * repeats) as decimal(38, 0)) as repeats_repeats,
        cast(sum(repeats * days) as decimal(38, 0)) as repeats_days,
        cast(sum(days * days) as decimal(38, 0)) as days_days
    from standings
    group by moment

),

-- What all repeats would vary by if everybody came at the one pace of all, and how much more they do.
variances as (

    select
        moment,
        repeats,
        days,
        div_round(div_round(repeats * days_days, days, 6) * repeats, days, 6) as squares,
        repeats_repeats - repeats - 2 * div_round(repeats * repeats_days, days, 6) as others
    from sums

),

-- How much one customer's orders tell of her pace: as if she had been watched besides while the average customer placed so many. It comes from how unlike
-- customers are, by the moments of a gamma mixture of Poisson customers (NBD), and stays within what such a mixture is told by.
likeness as (

    select
        moment,
        case
            when squares + others <= 0 then cast(20 as decimal(18, 8))
            else least(greatest(div_round(squares, squares + others, 8), cast(0.05 as decimal(18, 8))), cast(20 as decimal(18, 8)))
        end as prior_orders,
        repeats,
        days
    from variances

),

-- What her pace foretells of the days ahead, and how many orders she has left out since the last one.
paces as (

    select
        standings.moment,
        standings.customer_id,
        standings.repeats > 0 as has_returned,
        standings.orders_next,
        coalesce(
            div_round(
                (standings.repeats + likeness.prior_orders) * case when standings.moment = 'now' then $expected_value_days else look_back.days end,
                standings.days + div_round(likeness.prior_orders * likeness.days, likeness.repeats, 8),
                8
            ),
            0
        ) as foretold,
        coalesce(
            div_round(
                (standings.repeats + likeness.prior_orders) * standings.silent_days,
                standings.days + div_round(likeness.prior_orders * likeness.days, likeness.repeats, 8),
                8
            ),
            0
        ) as left_out
    from standings
    inner join likeness on standings.moment = likeness.moment
    cross join look_back

),

-- Of those who came once nobody knows a pace of their own: they stand together.
banded as (

    select
        *,
        case
            when not has_returned then 0
            when left_out < 0.25 then 1
            when left_out < 0.5 then 2
            when left_out < 1 then 3
            when left_out < 2 then 4
            when left_out < 4 then 5
            else 6
        end as band
    from paces

),

bands as (

    select
        band,
        sum(orders_next) as orders_next,
        sum(foretold) as foretold
    from banded
    where moment = 'then'
    group by band

),

-- All who had returned, and all who had not.
kinds as (

    select
        has_returned,
        div_round(sum(orders_next), sum(foretold), 8) as kept
    from banded
    where moment = 'then'
    group by has_returned

),

buyers as (

    select
        coalesce(max(case when moment = 'then' then buyers end), 0) as buyers_then
    from sums

),

-- Who has not ordered has no pace: she expects what those placed who were known then, and had not ordered.
others as (

    select
        count(*) as customers,
        sum(coalesce(by_customer.orders_now, 0)) as orders_next
    from customers
    left join by_customer on customers.customer_id = by_customer.customer_id
    cross join look_back
    where customers.known_us > look_back.days * 86400000000
        and coalesce(by_customer.orders_then, 0) = 0

),

final as (

    select
        customers.customer_id,
        case
            when banded.customer_id is not null and buyers.buyers_then >= $expected_value_min_customers then 'own_pace'
            when banded.customer_id is null and others.customers >= $expected_value_min_customers and look_back.days > 0 then 'like_non_buyers'
            else 'no_history'
        end as method,
        case
            when banded.customer_id is not null and buyers.buyers_then >= $expected_value_min_customers
                -- A band tells as much as its orders do: as if ten more had been foretold in it, and kept as those of all its kind.
                then div_round(
                    banded.foretold * (coalesce(bands.orders_next, 0) + 10 * coalesce(kinds.kept, 1)),
                    coalesce(bands.foretold, 0) + 10,
                    4
                )
            when banded.customer_id is null and others.customers >= $expected_value_min_customers and look_back.days > 0
                then div_round(others.orders_next * $expected_value_days, others.customers * look_back.days, 4)
        end as expected_orders
    from customers
    left join banded on customers.customer_id = banded.customer_id and banded.moment = 'now'
    left join bands on banded.band = bands.band
    left join kinds on banded.has_returned = kinds.has_returned
    cross join buyers
    cross join others
    cross join look_back

)

select * from final
