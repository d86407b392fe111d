-- Every sum in EUR that a mart shows, against the facts that it comes from; customers that are not known are left out on both sides.
with orders as (
    select
        sum(case when is_cancelled then 0 else coalesce(total_eur, 0) - refunds_eur end) as revenue_eur,
        sum(case when is_cancelled then 0 else refunds_eur end) as refunds_eur
    from warehouse.fct_order
    where customer_id is not null
),

order_refunds as (
    select sum(amount_eur) as refunds_eur
    from warehouse.fct_order_refund
    where customer_id is not null and is_cancelled = false
),

order_lines as (
    select sum(margin_eur) as margin_eur
    from warehouse.fct_order_line
    where customer_id is not null
),

invoices as (
    select sum(overdue_eur) as overdue_eur
    from warehouse.fct_invoice
    where customer_id is not null
),

touchpoints as (
    select
        sum(amount_eur) as amount_eur,
        sum(contact_cost_eur) as contact_cost_eur
    from warehouse.fct_touchpoint
    where customer_id is not null
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
        sum(cost_to_serve_eur) as cost_to_serve_eur
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

-- Recent orders alone are at risk: the friction's revenue, once per customer, against the orders.
at_risk as (
    select
        customer_id,
        max(revenue_at_risk_eur) as revenue_eur
    from marts.friction
    where customer_id is not null
    group by customer_id
),

recent_orders as (
    select
        customer_id,
        sum(coalesce(total_eur, 0) - refunds_eur) as revenue_eur
    from warehouse.fct_order
    where not is_cancelled
        and ordered_at >= add_days($as_of, - $revenue_at_risk_days)
        and customer_id is not null
    group by customer_id
),

revenue_at_risk as (
    select
        sum(coalesce(recent_orders.revenue_eur, 0)) as orders_eur,
        sum(at_risk.revenue_eur) as friction_eur
    from at_risk
    left join recent_orders on at_risk.customer_id = recent_orders.customer_id
),

friction_summary as (
    select sum(cost_eur) as cost_eur from marts.friction_summary
),

compared as (
    select 'revenue in customer_360' as what, orders.revenue_eur as expected, customer_360.revenue_eur as found
    from orders cross join customer_360
    union all
    select 'revenue in customer_value' as what, orders.revenue_eur as expected, customer_value.revenue_eur as found
    from orders cross join customer_value
    union all
    select 'revenue in loyalty_cohorts' as what, orders.revenue_eur as expected, loyalty_cohorts.revenue_eur as found
    from orders cross join loyalty_cohorts
    union all
    select 'refunds in fct_order' as what, order_refunds.refunds_eur as expected, orders.refunds_eur as found
    from order_refunds cross join orders
    union all
    select 'refunds in customer_360' as what, orders.refunds_eur as expected, customer_360.refunds_eur as found
    from orders cross join customer_360
    union all
    select 'margin in customer_360' as what, order_lines.margin_eur as expected, customer_360.margin_eur as found
    from order_lines cross join customer_360
    union all
    select 'margin in customer_value' as what, order_lines.margin_eur as expected, customer_value.margin_eur as found
    from order_lines cross join customer_value
    union all
    select 'overdue in customer_360' as what, invoices.overdue_eur as expected, customer_360.overdue_eur as found
    from invoices cross join customer_360
    union all
    select 'cost to serve in customer_value' as what, touchpoints.contact_cost_eur as expected, customer_value.cost_to_serve_eur as found
    from touchpoints cross join customer_value
    union all
    select 'amounts in customer_timeline' as what, touchpoints.amount_eur as expected, customer_timeline.amount_eur as found
    from touchpoints cross join customer_timeline
    union all
    select 'contact costs in customer_timeline' as what, touchpoints.contact_cost_eur as expected, customer_timeline.contact_cost_eur as found
    from touchpoints cross join customer_timeline
    union all
    select 'cost in friction_summary' as what, friction.cost_eur as expected, friction_summary.cost_eur as found
    from friction cross join friction_summary
    union all
    select 'revenue at risk in friction' as what, revenue_at_risk.orders_eur as expected, revenue_at_risk.friction_eur as found
    from revenue_at_risk
),

final as (
    select
        what,
        coalesce(expected, 0) as expected_eur,
        coalesce(found, 0) as found_eur
    from compared
    where coalesce(expected, 0) <> coalesce(found, 0)
)

select * from final
