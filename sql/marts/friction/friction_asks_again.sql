-- A customer opens a new ticket soon after another one was called solved.
with tickets as (
    select * from warehouse.fct_ticket
),

steps as (
    select * from warehouse.fct_ticket_step
),

-- Moments are laid into slots as long as the time looked at: what follows a solution in time is in its slot or in the
-- next one. So one requester with very many tickets (a call centre) is not compared with all of its own.
opened as (
    select
        *,
        epoch_us(opened_at) - epoch_us(opened_at) % (greatest($ask_again_days, 1) * 86400000000) as slot_us
    from tickets
    where customer_id is not null
),

-- Each time a ticket was solved counts, not only the first: it may have been solved, reopened and solved again.
solved as (
    select
        customer_id,
        ticket_id,
        changed_at,
        epoch_us(changed_at) - epoch_us(changed_at) % (greatest($ask_again_days, 1) * 86400000000)
        + slots.place * greatest($ask_again_days, 1) * 86400000000 as slot_us
    from steps
    cross join (values (0), (1)) as slots (place)
    where is_solve and customer_id is not null
),

new_tickets as (
    select distinct
        tickets.ticket_id,
        tickets.customer_id,
        tickets.order_id,
        tickets.opened_at
    from opened as tickets
    inner join solved
        on tickets.customer_id = solved.customer_id
        and tickets.slot_us = solved.slot_us
    where solved.ticket_id <> tickets.ticket_id
        and solved.changed_at < tickets.opened_at
        and tickets.opened_at <= add_days(solved.changed_at, $ask_again_days)
),

final as (
    select
        'asks_again' as rule,
        'ticket' as subject_type,
        cast(ticket_id as text) as subject_id,
        customer_id,
        opened_at as found_at,
        order_id,
        ticket_id,
        cast(null as text) as invoice_id,
        cast(null as text) as payment_id
    from new_tickets
)

select * from final
