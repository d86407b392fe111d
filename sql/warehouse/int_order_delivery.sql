with parcels as (

    select
        order_id,
        delivered_at
    from staging.stg_shopify__fulfillments
    where status = 'success' and created_at < $as_of

),

final as (

    select
        order_id,
        count(*) as parcels,
        count(delivered_at) as delivered_parcels,
        max(delivered_at) as last_delivered_at
    from parcels
    group by order_id

)

select * from final
