select
    department,
    channel,
    cost_eur,
    _batch_id,
    _row
from landing.controlling__contact_costs
