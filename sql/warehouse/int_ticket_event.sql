with audits as (

    select
        id as audit_id,
        ticket_id,
        author_id,
        created_at as happened_at,
        unnest(events) as e
    from staging.stg_zendesk__ticket_audits
    where created_at < $as_of

),

fields as (

    select
        audit_id,
        ticket_id,
        author_id,
        happened_at,
        e['type'] as event_type,
        e['field_name'] as field_name,
        e['value'] as value,
        e['previous_value'] as previous_value,
        e['public'] as is_public
    from audits

),

final as (

    select
        audit_id,
        ticket_id,
        author_id,
        happened_at,
        case
            when event_type = 'Comment' then 'comment'
            when event_type = 'Create' then 'create'
            when field_name in ('group_id', 'status', 'assignee_id') then field_name
            else 'rating'
        end as event,
        -- Of what a ticket was created with, only the group matters.
        case
            when event_type = 'Comment' then null
            when event_type = 'Create' and coalesce(field_name, '') <> 'group_id' then null
            else nullif(value, '')
        end as value,
        case when event_type = 'Change' then nullif(previous_value, '') end as previous_value
    from fields
    where
        event_type = 'Create'
        or (event_type = 'Comment' and is_public)
        or (
            event_type = 'Change'
            and field_name in ('group_id', 'status', 'assignee_id', 'satisfaction_score', 'satisfaction_rating')
        )

)

select * from final
