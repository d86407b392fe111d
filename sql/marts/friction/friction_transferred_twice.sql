-- A ticket was handed from team to team more than once.
with tickets as (
    select * from warehouse.fct_ticket
),

final as (
    select
        'transferred_twice' as rule,
        'ticket' as subject_type,
        cast(ticket_id as text) as subject_id,
        customer_id,
        second_transfer_at as found_at,
        order_id,
        ticket_id,
        cast(null as text) as invoice_id,
        cast(null as text) as payment_id
    from tickets
    where second_transfer_at is not null
)

select * from final
