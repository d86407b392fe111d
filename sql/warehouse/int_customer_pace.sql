-- Every buyer's pace, today and when the look-back began: what it foretells of the days ahead, and how many orders she has left out since the last one.
with standings as (

    select * from warehouse.int_customer_standing

),

sums as (

    select
        moment,
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

paces as (

    select
        standings.moment,
        standings.customer_id,
        standings.repeats > 0 as has_returned,
        standings.orders_next,
        coalesce(
            div_round(
                (standings.repeats + likeness.prior_orders) * case when standings.moment = 'now' then $expected_value_days else standings.look_back_days end,
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

)

select
    moment,
    customer_id,
    band,
    has_returned,
    orders_next,
    foretold
from banded
