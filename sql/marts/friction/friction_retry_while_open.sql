-- A card is tried again while the customer is still waiting for an answer about the same order.
with invoices as (
    select * from warehouse.fct_invoice
),

payments as (
    select * from warehouse.fct_payment
),

open_spans as (
    select * from warehouse.int_ticket_open_span
),

disputes as (
    select * from warehouse.fct_dispute
),

first_failures as (
    select
        invoice_id,
        min(paid_at) as failed_at
    from payments
    where is_failed and invoice_id is not null
    group by invoice_id
),

-- Any charge counts, whatever became of it; "already had a failed one" = one made earlier.
retries as (
    select
        payments.payment_id,
        payments.paid_at,
        invoices.invoice_id,
        invoices.order_id,
        invoices.customer_id
    from payments
    inner join first_failures on payments.invoice_id = first_failures.invoice_id
    inner join invoices on payments.invoice_id = invoices.invoice_id
    where payments.paid_at > first_failures.failed_at
),

-- A span begins with its first moment and ends before its last.
retries_during_ticket as (
    select
        retries.payment_id,
        min(open_spans.ticket_id) as ticket_id
    from retries
    inner join open_spans on retries.order_id = open_spans.order_id
    where open_spans.open_from <= retries.paid_at
        and (open_spans.open_until is null or open_spans.open_until > retries.paid_at)
    group by retries.payment_id
),

-- Of a dispute only its newest state is known: one that was won or lost counts as never open.
open_disputes_by_invoice as (
    select
        invoice_id,
        min(disputed_at) as disputed_at
    from disputes
    where is_open and invoice_id is not null
    group by invoice_id
),

open_disputes_by_order as (
    select
        order_id,
        min(disputed_at) as disputed_at
    from disputes
    where is_open and order_id is not null
    group by order_id
),

final as (
    select
        'retry_while_open' as rule,
        'charge' as subject_type,
        retries.payment_id as subject_id,
        retries.customer_id,
        retries.paid_at as found_at,
        retries.order_id,
        retries_during_ticket.ticket_id,
        retries.invoice_id,
        retries.payment_id
    from retries
    left join retries_during_ticket on retries.payment_id = retries_during_ticket.payment_id
    left join open_disputes_by_invoice on retries.invoice_id = open_disputes_by_invoice.invoice_id
    left join open_disputes_by_order on retries.order_id = open_disputes_by_order.order_id
    where retries_during_ticket.ticket_id is not null
        or coalesce(open_disputes_by_invoice.disputed_at <= retries.paid_at, false)
        or coalesce(open_disputes_by_order.disputed_at <= retries.paid_at, false)
)

select * from final
