-- Every customer with a ticket has a first one, and it begins a matter: there are at least as many matters as such customers. A
-- matter more needs a ticket that was opened when the one before it was over for some days: asks_again found none of these.
with customers as (
    select
        customer_id,
        count(*) as tickets
    from warehouse.fct_ticket
    where customer_id is not null
    group by customer_id
),

counted as (
    select
        count(*) as customers,
        sum(tickets) as tickets
    from customers
),

asking_again as (
    select count(*) as tickets
    from marts.friction
    where rule = 'asks_again'
),

mart as (
    select
        sum(matters) as matters,
        sum(asked_again) as asked_again
    from marts.first_contact_resolution
)

select
    counted.customers,
    counted.tickets,
    asking_again.tickets as asking_again,
    mart.matters
from counted
cross join asking_again
cross join mart
where mart.matters < counted.customers
    or mart.matters > counted.tickets - asking_again.tickets
