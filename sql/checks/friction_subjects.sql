-- A friction's customer and order are those of its subject.
with subjects as (
    select 'order' as subject_type, order_id as subject_id, customer_id, order_id from warehouse.fct_order
    union all
    select 'invoice' as subject_type, invoice_id as subject_id, customer_id, order_id from warehouse.fct_invoice
    union all
    select 'charge' as subject_type, payment_id as subject_id, customer_id, order_id from warehouse.fct_payment
    union all
    select 'ticket' as subject_type, cast(ticket_id as text) as subject_id, customer_id, order_id from warehouse.fct_ticket
),

final as (
    select
        frictions.friction_id,
        case
            when subjects.subject_id is null then 'subject not known'
            when frictions.customer_id is distinct from subjects.customer_id then 'other customer'
            else 'other order'
        end as fault
    from marts.friction as frictions
    left join subjects
        on frictions.subject_type = subjects.subject_type
        and frictions.subject_id = subjects.subject_id
    where subjects.subject_id is null
        or (frictions.customer_id is distinct from subjects.customer_id)
        or (frictions.order_id is distinct from subjects.order_id)
)

select * from final
