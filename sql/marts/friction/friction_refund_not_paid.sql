-- A refund was promised, and the money did not come in time.
with orders as (
    select * from warehouse.fct_order
),

order_refunds as (
    select * from warehouse.fct_order_refund
),

tickets as (
    select * from warehouse.fct_ticket
),

payments as (
    select * from warehouse.fct_payment
),

refunds as (
    select * from warehouse.fct_refund
),

-- The shop promises by booking a refund, customer service by solving a ticket as a refund.
promises as (
    select
        order_id,
        refunded_at as promised_at,
        cast(null as bigint) as ticket_id
    from order_refunds
    union all
    select
        order_id,
        solved_at as promised_at,
        ticket_id
    from tickets
    where is_refund_request and solved_at is not null and order_id is not null
),

first_promises as (
    select
        order_id,
        promised_at,
        ticket_id
    from (
        select
            order_id,
            promised_at,
            ticket_id,
            row_number() over (partition by order_id order by promised_at, ticket_id nulls first) as place
        from promises
    ) as ranked
    where place = 1
),

paid_orders as (
    select
        order_id,
        min(payment_id) as payment_id
    from payments
    where is_succeeded and order_id is not null
    group by order_id
),

first_paybacks as (
    select
        order_id,
        min(refunded_at) as refunded_at
    from refunds
    where is_succeeded and order_id is not null
    group by order_id
),

final as (
    select
        'refund_not_paid' as rule,
        'order' as subject_type,
        orders.order_id as subject_id,
        orders.customer_id,
        add_days(first_promises.promised_at, $refund_days) as found_at,
        orders.order_id,
        first_promises.ticket_id,
        cast(null as text) as invoice_id,
        paid_orders.payment_id
    from first_promises
    inner join orders on first_promises.order_id = orders.order_id
    inner join paid_orders on first_promises.order_id = paid_orders.order_id
    left join first_paybacks on first_promises.order_id = first_paybacks.order_id
    where add_days(first_promises.promised_at, $refund_days) <= $as_of
        and (
            first_paybacks.refunded_at is null
            or first_paybacks.refunded_at > add_days(first_promises.promised_at, $refund_days)
        )
)

select * from final
