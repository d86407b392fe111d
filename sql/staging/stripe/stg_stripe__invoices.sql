with source as (

    select
        *,
        -- How many minor units make one unit: 100 for most currencies, 1 where there are no minor units.
        case
            when lower(currency) in (
                'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga',
                'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf'
            ) then 1
            when lower(currency) in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 1000
            else 100
        end as minor_units
    from landing.stripe__invoices

)

select
    id,
    nullif(customer, '') as customer,
    nullif(order_id, '') as order_id,
    number,
    currency,
    status,
    div_round(amount_due, minor_units, 2) as amount_due,
    div_round(amount_paid, minor_units, 2) as amount_paid,
    div_round(amount_remaining, minor_units, 2) as amount_remaining,
    attempt_count,
    created,
    due_date,
    finalized_at,
    paid_at,
    voided_at,
    _batch_id,
    _row
from source
