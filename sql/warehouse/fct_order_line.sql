with lines as (

    select
        id as order_line_id,
        order_id,
        product_id,
        sku,
        title,
        quantity,
        price,
        total_discount,
        price * quantity - total_discount as line_total
    from staging.stg_shopify__order_lines

),

orders as (

    select
        order_id,
        customer_id,
        currency,
        fx_rate,
        total_price,
        total_price - total_tax as net_price,
        is_cancelled,
        order_date,
        ordered_at
    from warehouse.fct_order

),

future_orders as (

    -- A name of its own: a filter on a column that both sides of a join have may be pushed to the wrong one.
    select order_id as future_order_id from warehouse.int_order_future

),

margins as (

    select
        product_id,
        margin_rate
    from staging.stg_controlling__product_margins

),

joined as (

    select
        lines.order_line_id,
        lines.order_id,
        orders.customer_id,
        lines.product_id,
        lines.sku,
        lines.title,
        orders.currency,
        lines.quantity,
        lines.price,
        lines.total_discount,
        lines.line_total,
        orders.total_price,
        orders.net_price,
        margins.margin_rate,
        div_round(lines.line_total, orders.fx_rate, 2) as line_total_eur,
        orders.is_cancelled,
        orders.order_date,
        orders.ordered_at
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from margins
    right join (
        future_orders
        right join (
            orders
            right join lines on lines.order_id = orders.order_id
        ) on lines.order_id = future_orders.future_order_id
    ) on lines.product_id = margins.product_id
    where future_orders.future_order_id is null

),

netted as (

    select
        *,
        -- The order's tax is spread over its lines by their share of the total.
        case
            when total_price = 0 then 0
            when line_total_eur is null then null
            else div_round(line_total_eur * net_price, total_price, 2)
        end as line_net_eur
    from joined

),

final as (

    select
        order_line_id,
        order_id,
        customer_id,
        product_id,
        sku,
        title,
        currency,
        quantity,
        price,
        total_discount,
        line_total,
        line_total_eur,
        line_net_eur,
        margin_rate,
        case
            when line_net_eur is null then null
            when is_cancelled or margin_rate is null then 0
            else div_round(line_net_eur * margin_rate, 1, 2)
        end as margin_eur,
        is_cancelled,
        margin_rate is not null as has_margin_rate,
        order_date,
        ordered_at
    from netted

)

select * from final
