select
    friction_id,
    found_at
from marts.friction
where found_at > $as_of
