-- What was taken with which order: one row for each product of an order, however many lines it has.
with lines as (

    select
        customer_id,
        order_id,
        product_id,
        order_date,
        ordered_at,
        sum(quantity) as units
    from warehouse.fct_order_line
    where is_cancelled = false and product_id is not null
    -- The customer stands in the key because lines come in the order of customers: the engine then groups one at a time.
    group by customer_id, order_id, product_id, order_date, ordered_at

),

products as (

    select * from warehouse.dim_product

),

final as (

    select
        lines.customer_id,
        lines.order_id,
        lines.product_id,
        coalesce(nullif(products.title, ''), lines.product_id) as product,
        coalesce(nullif(products.product_type, ''), 'unknown') as category,
        lines.units,
        -- 1 at as_of, and half of it with every half-life of age. As millionths, so that sums are of whole numbers.
        cast(round(1000000 * power(
            cast(0.5 as double),
            cast(epoch_us($as_of) - epoch_us(lines.ordered_at) as double)
            / (cast(greatest($preference_half_life_days, 1) as double) * 86400000000)
        )) as bigint) as weight_millionths,
        lines.order_date,
        lines.ordered_at
    from products
    right join lines on products.product_id = lines.product_id
    where lines.units > 0

)

select * from final
