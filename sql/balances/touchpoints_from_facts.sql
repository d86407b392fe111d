-- A fact becomes a touchpoint where the customer felt it: an invoice when it is issued, a payment when it fails, a refund when it succeeds.
with fact_rows as (
    select 'order_placed' as kind, 'warehouse.fct_order' as origin, total_eur as amount_eur, true as is_felt
    from warehouse.fct_order
    union all
    select
        'invoice_issued' as kind,
        'warehouse.fct_invoice' as origin,
        amount_due_eur as amount_eur,
        coalesce(finalized_at < $as_of, false) as is_felt
    from warehouse.fct_invoice
    union all
    select
        'invoice_paid' as kind,
        'warehouse.fct_invoice' as origin,
        amount_paid_eur as amount_eur,
        coalesce(paid_at < $as_of, false) as is_felt
    from warehouse.fct_invoice
    union all
    select 'payment_failed' as kind, 'warehouse.fct_payment' as origin, amount_eur, is_failed as is_felt
    from warehouse.fct_payment
    union all
    select 'refund_issued' as kind, 'warehouse.fct_refund' as origin, amount_eur, is_succeeded as is_felt
    from warehouse.fct_refund
    union all
    select 'dispute_opened' as kind, 'warehouse.fct_dispute' as origin, amount_eur, true as is_felt
    from warehouse.fct_dispute
    union all
    select 'ticket_opened' as kind, 'warehouse.fct_ticket' as origin, cast(null as decimal(18, 2)) as amount_eur, true as is_felt
    from warehouse.fct_ticket
),

facts as (
    select
        kind,
        origin,
        count(*) as all_rows,
        sum(case when is_felt then 0 else 1 end) as silent_rows,
        coalesce(sum(amount_eur), 0) as amount_eur,
        coalesce(sum(case when is_felt then 0 else amount_eur end), 0) as silent_eur
    from fact_rows
    group by kind, origin
),

touchpoints as (
    select
        kind,
        count(*) as all_rows,
        coalesce(sum(amount_eur), 0) as amount_eur
    from warehouse.fct_touchpoint
    group by kind
),

compared as (
    select
        facts.kind,
        facts.origin,
        'rows' as unit,
        facts.silent_rows,
        cast(facts.all_rows as decimal(38, 4)) as origin_value,
        cast(facts.silent_rows as decimal(38, 4)) as silent_value,
        cast(coalesce(touchpoints.all_rows, 0) as decimal(38, 4)) as target_value
    from facts
    left join touchpoints on facts.kind = touchpoints.kind
    union all
    select
        facts.kind,
        facts.origin,
        'EUR' as unit,
        facts.silent_rows,
        cast(facts.amount_eur as decimal(38, 4)) as origin_value,
        cast(facts.silent_eur as decimal(38, 4)) as silent_value,
        cast(coalesce(touchpoints.amount_eur, 0) as decimal(38, 4)) as target_value
    from facts
    left join touchpoints on facts.kind = touchpoints.kind
    where facts.kind <> 'ticket_opened'
),

final as (
    select
        'facts → touchpoints' as step,
        kind as measure,
        unit,
        origin,
        origin_value,
        'warehouse.fct_touchpoint' as target,
        target_value,
        case
            when silent_rows > 0 and origin_value - silent_value = target_value
                then cast(silent_rows as varchar) || ' rows that are no such touchpoint by the end of the business day'
        end as reason
    from compared
)

select * from final
order by measure, unit
