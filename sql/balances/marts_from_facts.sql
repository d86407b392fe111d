-- Every sum in EUR that a mart shows, against all of the facts that it comes from. What a mart leaves out is reckoned from the facts, part by part;
-- only where the parts explain the difference to the cent do they stand as its reason.
with orders as (
    select
        coalesce(sum(total_eur), 0) as total_eur,
        coalesce(sum(case when is_cancelled then total_eur else 0 end), 0) as cancelled_eur,
        coalesce(sum(case when is_cancelled then 0 else refunds_eur end), 0) as refunds_eur,
        coalesce(sum(case when is_cancelled or customer_id is not null then 0 else coalesce(total_eur, 0) - refunds_eur end), 0) as unknown_eur,
        coalesce(sum(case when is_cancelled or customer_id is not null then 0 else refunds_eur end), 0) as unknown_refunds_eur
    from warehouse.fct_order
),

order_refunds as (
    select
        coalesce(sum(amount_eur), 0) as amount_eur,
        coalesce(sum(case when is_cancelled is distinct from false then amount_eur else 0 end), 0) as cancelled_eur
    from warehouse.fct_order_refund
),

order_lines as (
    select
        coalesce(sum(margin_eur), 0) as margin_eur,
        coalesce(sum(case when customer_id is null then margin_eur else 0 end), 0) as unknown_eur
    from warehouse.fct_order_line
),

invoices as (
    select
        coalesce(sum(amount_remaining_eur), 0) as remaining_eur,
        coalesce(sum(case when is_overdue then 0 else amount_remaining_eur end), 0) as not_due_eur,
        coalesce(sum(case when is_overdue and customer_id is null then amount_remaining_eur else 0 end), 0) as unknown_eur
    from warehouse.fct_invoice
),

touchpoints as (
    select
        coalesce(sum(amount_eur), 0) as amount_eur,
        coalesce(sum(case when customer_id is null then amount_eur else 0 end), 0) as unknown_amount_eur,
        coalesce(sum(contact_cost_eur), 0) as cost_eur,
        coalesce(sum(case when customer_id is null then contact_cost_eur else 0 end), 0) as unknown_cost_eur
    from warehouse.fct_touchpoint
),

customer_360 as (
    select
        sum(revenue_eur) as revenue_eur,
        sum(refunds_eur) as refunds_eur,
        sum(margin_eur) as margin_eur,
        sum(overdue_eur) as overdue_eur
    from marts.customer_360
),

customer_value as (
    select
        sum(revenue_eur) as revenue_eur,
        sum(margin_eur) as margin_eur,
        sum(cost_to_serve_eur) as cost_to_serve_eur,
        sum(value_to_date_eur) as value_to_date_eur
    from marts.customer_value
),

loyalty_cohorts as (
    select sum(revenue_eur) as revenue_eur from marts.loyalty_cohorts
),

customer_timeline as (
    select
        sum(amount_eur) as amount_eur,
        sum(contact_cost_eur) as contact_cost_eur
    from marts.customer_timeline
),

friction as (
    select sum(cost_eur) as cost_eur from marts.friction
),

friction_summary as (
    select
        sum(cost_eur) as cost_eur,
        sum(revenue_at_risk_eur) as revenue_at_risk_eur
    from marts.friction_summary
),

-- Each customer's revenue is at risk once a month and rule.
at_risk as (
    select sum(revenue_at_risk_eur) as revenue_at_risk_eur
    from (
        select max(revenue_at_risk_eur) as revenue_at_risk_eur
        from marts.friction
        group by rule, customer_id, cast(date_trunc('month', local_date(found_at, $time_zone)) as date)
    ) as once_each
),

all_at_risk as (
    select sum(revenue_at_risk_eur) as revenue_at_risk_eur from marts.friction
),

revenue_parts as (
    select
        total_eur,
        total_eur - cancelled_eur - refunds_eur - unknown_eur as expected_eur,
        'less cancelled orders ' || cast(cast(cancelled_eur as decimal(38, 2)) as varchar)
        || ', refunds ' || cast(cast(refunds_eur as decimal(38, 2)) as varchar)
        || ', orders of nobody known ' || cast(cast(unknown_eur as decimal(38, 2)) as varchar) as parts
    from orders
),

compared as (
    select
        1 as place,
        'orders → customer_360' as step,
        'revenue' as measure,
        'warehouse.fct_order' as origin,
        revenue_parts.total_eur as origin_value,
        'marts.customer_360' as target,
        customer_360.revenue_eur as target_value,
        revenue_parts.expected_eur as expected_value,
        revenue_parts.parts as parts
    from revenue_parts cross join customer_360
    union all
    select
        2 as place,
        'orders → customer_value' as step,
        'revenue' as measure,
        'warehouse.fct_order' as origin,
        revenue_parts.total_eur as origin_value,
        'marts.customer_value' as target,
        customer_value.revenue_eur as target_value,
        revenue_parts.expected_eur as expected_value,
        revenue_parts.parts as parts
    from revenue_parts cross join customer_value
    union all
    select
        3 as place,
        'orders → loyalty_cohorts' as step,
        'revenue' as measure,
        'warehouse.fct_order' as origin,
        revenue_parts.total_eur as origin_value,
        'marts.loyalty_cohorts' as target,
        loyalty_cohorts.revenue_eur as target_value,
        revenue_parts.expected_eur as expected_value,
        revenue_parts.parts as parts
    from revenue_parts cross join loyalty_cohorts
    union all
    select
        4 as place,
        'order refunds → orders' as step,
        'refunds' as measure,
        'warehouse.fct_order_refund' as origin,
        order_refunds.amount_eur as origin_value,
        'warehouse.fct_order' as target,
        orders.refunds_eur as target_value,
        order_refunds.amount_eur - order_refunds.cancelled_eur as expected_value,
        'less refunds of cancelled orders, or of orders that are not there '
        || cast(cast(order_refunds.cancelled_eur as decimal(38, 2)) as varchar) as parts
    from order_refunds cross join orders
    union all
    select
        5 as place,
        'orders → customer_360' as step,
        'refunds' as measure,
        'warehouse.fct_order' as origin,
        orders.refunds_eur as origin_value,
        'marts.customer_360' as target,
        customer_360.refunds_eur as target_value,
        orders.refunds_eur - orders.unknown_refunds_eur as expected_value,
        'less refunds of nobody known ' || cast(cast(orders.unknown_refunds_eur as decimal(38, 2)) as varchar) as parts
    from orders cross join customer_360
    union all
    select
        6 as place,
        'order lines → customer_360' as step,
        'margin' as measure,
        'warehouse.fct_order_line' as origin,
        order_lines.margin_eur as origin_value,
        'marts.customer_360' as target,
        customer_360.margin_eur as target_value,
        order_lines.margin_eur - order_lines.unknown_eur as expected_value,
        'less lines of nobody known ' || cast(cast(order_lines.unknown_eur as decimal(38, 2)) as varchar) as parts
    from order_lines cross join customer_360
    union all
    select
        7 as place,
        'order lines → customer_value' as step,
        'margin' as measure,
        'warehouse.fct_order_line' as origin,
        order_lines.margin_eur as origin_value,
        'marts.customer_value' as target,
        customer_value.margin_eur as target_value,
        order_lines.margin_eur - order_lines.unknown_eur as expected_value,
        'less lines of nobody known ' || cast(cast(order_lines.unknown_eur as decimal(38, 2)) as varchar) as parts
    from order_lines cross join customer_value
    union all
    select
        8 as place,
        'invoices → customer_360' as step,
        'overdue' as measure,
        'warehouse.fct_invoice' as origin,
        invoices.remaining_eur as origin_value,
        'marts.customer_360' as target,
        customer_360.overdue_eur as target_value,
        invoices.remaining_eur - invoices.not_due_eur - invoices.unknown_eur as expected_value,
        'less what is not overdue ' || cast(cast(invoices.not_due_eur as decimal(38, 2)) as varchar)
        || ', invoices of nobody known ' || cast(cast(invoices.unknown_eur as decimal(38, 2)) as varchar) as parts
    from invoices cross join customer_360
    union all
    select
        9 as place,
        'touchpoints → customer_timeline' as step,
        'amounts' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.amount_eur as origin_value,
        'marts.customer_timeline' as target,
        customer_timeline.amount_eur as target_value,
        touchpoints.amount_eur - touchpoints.unknown_amount_eur as expected_value,
        'less touchpoints of nobody known ' || cast(cast(touchpoints.unknown_amount_eur as decimal(38, 2)) as varchar) as parts
    from touchpoints cross join customer_timeline
    union all
    select
        10 as place,
        'touchpoints → customer_timeline' as step,
        'contact costs' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.cost_eur as origin_value,
        'marts.customer_timeline' as target,
        customer_timeline.contact_cost_eur as target_value,
        touchpoints.cost_eur - touchpoints.unknown_cost_eur as expected_value,
        'less contacts of nobody known ' || cast(cast(touchpoints.unknown_cost_eur as decimal(38, 2)) as varchar) as parts
    from touchpoints cross join customer_timeline
    union all
    select
        11 as place,
        'touchpoints → customer_value' as step,
        'cost to serve' as measure,
        'warehouse.fct_touchpoint' as origin,
        touchpoints.cost_eur as origin_value,
        'marts.customer_value' as target,
        customer_value.cost_to_serve_eur as target_value,
        touchpoints.cost_eur - touchpoints.unknown_cost_eur as expected_value,
        'less contacts of nobody known ' || cast(cast(touchpoints.unknown_cost_eur as decimal(38, 2)) as varchar) as parts
    from touchpoints cross join customer_value
    union all
    select
        12 as place,
        'margin less cost to serve' as step,
        'value to date' as measure,
        'marts.customer_value' as origin,
        customer_value.margin_eur - customer_value.cost_to_serve_eur as origin_value,
        'marts.customer_value' as target,
        customer_value.value_to_date_eur as target_value,
        customer_value.margin_eur - customer_value.cost_to_serve_eur as expected_value,
        cast(null as varchar) as parts
    from customer_value
    union all
    select
        13 as place,
        'friction → friction_summary' as step,
        'cost' as measure,
        'marts.friction' as origin,
        friction.cost_eur as origin_value,
        'marts.friction_summary' as target,
        friction_summary.cost_eur as target_value,
        friction.cost_eur as expected_value,
        cast(null as varchar) as parts
    from friction cross join friction_summary
    union all
    select
        14 as place,
        'friction → friction_summary' as step,
        'revenue at risk' as measure,
        'marts.friction' as origin,
        all_at_risk.revenue_at_risk_eur as origin_value,
        'marts.friction_summary' as target,
        friction_summary.revenue_at_risk_eur as target_value,
        at_risk.revenue_at_risk_eur as expected_value,
        'each customer counts once a month and rule' as parts
    from at_risk cross join all_at_risk cross join friction_summary
),

final as (
    select
        step,
        measure,
        'EUR' as unit,
        origin,
        cast(coalesce(origin_value, 0) as decimal(38, 4)) as origin_value,
        target,
        cast(coalesce(target_value, 0) as decimal(38, 4)) as target_value,
        case
            when coalesce(origin_value, 0) <> coalesce(target_value, 0) and coalesce(expected_value, 0) = coalesce(target_value, 0)
                then parts
        end as reason,
        place
    from compared
)

select
    step,
    measure,
    unit,
    origin,
    origin_value,
    target,
    target_value,
    reason
from final
order by place
