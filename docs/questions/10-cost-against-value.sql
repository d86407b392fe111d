-- What do customers cost who ask a lot, against what they bring?
-- Customers by the number of their contacts: margin, what serving them cost, and what the next year may bring.
with banded as (
    select
        case
            when contacts = 0 then '0'
            when contacts = 1 then '1'
            when contacts <= 3 then '2 to 3'
            when contacts <= 6 then '4 to 6'
            else '7 and more'
        end as asked,
        *
    from marts.customer_value
)

select
    asked,
    count(*) as customers,
    sum(margin_eur) as margin_eur,
    sum(cost_to_serve_eur) as cost_to_serve_eur,
    div_round(sum(cost_to_serve_eur), nullif(sum(margin_eur), 0), 3) as cost_share,
    div_round(sum(value_to_date_eur), count(*), 2) as value_each_eur,
    div_round(sum(coalesce(expected_value_eur, 0)), count(*), 2) as expected_each_eur
from banded
group by asked
order by asked
