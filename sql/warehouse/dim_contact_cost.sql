select
    department,
    channel,
    cost_eur
from staging.stg_controlling__contact_costs
