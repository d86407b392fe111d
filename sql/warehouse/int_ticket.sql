with tickets as (

    select
        id as ticket_id,
        requester_id,
        cast(requester_id as varchar) as requester_key,
        order_id,
        cast(group_id as varchar) as group_id,
        status,
        priority,
        type,
        case
            when via_channel = 'voice' then 'phone'
            when via_channel = 'mobile' then 'app'
            when via_channel = 'api' then 'web'
            else via_channel
        end as channel,
        topic,
        case when satisfaction_score in ('good', 'bad') then satisfaction_score end as satisfaction,
        coalesce(array_has(tags, 'refund'), false) as is_refund_request,
        created_at as opened_at,
        updated_at
    from staging.stg_zendesk__tickets
    where created_at < $as_of

),

requesters as (

    select
        record_id,
        customer_id
    from identity.customer_xref
    where source_system = 'zendesk' and source_object = 'users'

),

orders as (

    select
        order_id,
        customer_id
    from warehouse.fct_order

),

created as (

    select
        ticket_id,
        max(value) as group_id
    from warehouse.int_ticket_event
    where event = 'create'
    group by ticket_id

),

first_changes as (

    select
        ticket_id,
        from_group
    from warehouse.int_ticket_group
    where is_first

),

last_changes as (

    select
        ticket_id,
        department
    from warehouse.int_ticket_group
    where next_at is null

),

groups as (

    select
        cast(id as varchar) as group_id,
        department
    from staging.stg_zendesk__groups

),

replayed as (

    select
        tickets.*,
        requesters.customer_id,
        -- An order of somebody else, or of nobody known, makes no common matter.
        case
            when orders.customer_id = requesters.customer_id then 'order:' || tickets.order_id
            else 'ticket:' || cast(tickets.ticket_id as varchar)
        end as matter_id,
        -- What the ticket was created with, else what its first change took it from, else, never changed, what it has.
        coalesce(
            created.group_id,
            first_changes.from_group,
            case when first_changes.ticket_id is null then tickets.group_id end
        ) as opened_group_id,
        last_changes.department as changed_department,
        created.ticket_id is not null as has_creation
    -- The side that is looked up stands first: its rows are what a hash join holds in memory.
    from last_changes
    right join (
        first_changes
        right join (
            created
            right join (
                orders
                right join (
                    requesters
                    right join tickets on tickets.requester_key = requesters.record_id
                ) on tickets.order_id = orders.order_id
            ) on tickets.ticket_id = created.ticket_id
        ) on tickets.ticket_id = first_changes.ticket_id
    ) on tickets.ticket_id = last_changes.ticket_id

),

final as (

    select
        replayed.ticket_id,
        replayed.customer_id,
        replayed.requester_id,
        replayed.order_id,
        replayed.matter_id,
        replayed.status,
        replayed.priority,
        replayed.type,
        replayed.channel,
        replayed.topic,
        -- Without a team, or with one that has no department, it lies with customer service.
        coalesce(groups.department, 'support') as opened_department,
        coalesce(replayed.changed_department, groups.department, 'support') as last_department,
        replayed.satisfaction,
        replayed.is_refund_request,
        replayed.has_creation,
        replayed.opened_at,
        replayed.updated_at
    from groups
    right join replayed on replayed.opened_group_id = groups.group_id

)

select * from final
