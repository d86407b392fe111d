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
    from landing.stripe__charges

)

select
    id,
    nullif(customer, '') as customer,
    nullif(invoice, '') as invoice,
    currency,
    status,
    failure_code,
    div_round(amount, minor_units, 2) as amount,
    div_round(amount_refunded, minor_units, 2) as amount_refunded,
    paid,
    refunded,
    created,
    _batch_id,
    _row
from source
