-- A ticket that was solved had to be taken up again.
with tickets as (
    select * from warehouse.fct_ticket
),

final as (
    select
        'reopened' as rule,
        'ticket' as subject_type,
        cast(ticket_id as text) as subject_id,
        customer_id,
        first_reopened_at as found_at,
        order_id,
        ticket_id,
        cast(null as text) as invoice_id,
        cast(null as text) as payment_id
    from tickets
    where first_reopened_at is not null
)

select * from final
