with products as (

    select * from staging.stg_shopify__products

),

margins as (

    select * from staging.stg_controlling__product_margins

),

final as (

    select
        products.id as product_id,
        products.title,
        products.product_type,
        products.vendor,
        products.status,
        margins.margin_rate,
        margins.margin_rate is not null as has_margin_rate
    from products
    left join margins on margins.product_id = products.id

)

select * from final
