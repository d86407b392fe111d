-- Whose card was charged again while she was still waiting for an answer?
-- The last ten such charges of the year, and for how long the question had been open. It is empty where no ticket was open, but a dispute.
with today as (
    select max(occurred_at) as now from warehouse.fct_touchpoint
),

charges as (
    select
        friction.customer_id,
        friction.order_id,
        friction.payment_id,
        friction.found_at,
        friction.revenue_at_risk_eur
    from marts.friction as friction
    cross join today
    where friction.rule = 'retry_while_open'
        and friction.found_at >= today.now - interval '365 days'
),

-- The rule has found that something was open. For how long: since the last ticket about the order that was opened before the charge, and not solved for good by then.
tickets as (
    select
        charges.payment_id,
        max(ticket.opened_at) as opened_at
    from charges
    inner join warehouse.fct_ticket as ticket on charges.order_id = ticket.order_id
    where ticket.opened_at <= charges.found_at
        and (ticket.last_solved_at is null or ticket.last_solved_at > charges.found_at)
    group by charges.payment_id
)

select
    customer.display_name,
    charges.order_id,
    local_date(charges.found_at, 'Europe/Berlin') as charged_on,
    div_round(epoch_us(charges.found_at) - epoch_us(tickets.opened_at), 86400000000, 1) as days_waiting,
    charges.revenue_at_risk_eur
from charges
inner join marts.customer_360 as customer on charges.customer_id = customer.customer_id
left join tickets on charges.payment_id = tickets.payment_id
order by charges.found_at desc, charges.payment_id
limit 10
