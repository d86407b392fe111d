with recursive links as (

    select
        matter_id,
        previous_matter_id
    from warehouse.int_matter_link

),

resolved as (

    -- Matters that join one which joins nothing itself: that one is the journey.
    select
        links.matter_id,
        links.previous_matter_id as journey_id
    from links
    left join links as above on above.matter_id = links.previous_matter_id
    where above.matter_id is null
    union all
    -- Those that join a matter whose journey is known by now.
    select
        links.matter_id,
        resolved.journey_id
    from resolved
    inner join links on links.previous_matter_id = resolved.matter_id

)

select
    matter_id,
    journey_id
from resolved
