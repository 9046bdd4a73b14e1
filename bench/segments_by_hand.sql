-- Relationship types by branch as somebody would type them: the default rules as one CASE over the facts.
with typed as (
    select
        f.branch_id,
        case
            when r.risk = 'HIGH'
                or (f.interest_cover < 1 and f.interest_cover_previous < 1)
                or f.debt_to_ebitda > 6
                or f.misuse or f.related_party_abuse or f.covenant_default then 'AT_RISK'
            when l.points >= 60 then 'LAPSING'
            when (
                    f.contribution_cumulated <= 0.80 and f.tenure_years >= 3
                    and (f.exposure_rank <= 0.05 or f.branch_contribution_share >= 0.01)
                )
                or (f.national_key_project and f.branch_contribution_share >= 0) then 'STRATEGIC'
            when f.revenue_cagr3y >= 0.20 or g.stage in ('INTRODUCTION', 'GROWTH') then 'GROWTH'
            else 'STABLE'
        end as type
    from bank.client_facts as f
    cross join lateral (
        select case
            when f.probability_of_default > 0.05 or f.days_past_due > 30
                or f.loan_class in ('SUBSTANDARD', 'DOUBTFUL', 'LOSS')
                or f.watch_list = 'RED' or f.z_score < 1.1 then 'HIGH'
            else 'OTHER'
        end as risk
    ) as r
    cross join lateral (
        select
            case when f.balance_change <= -0.50 then 25 when f.balance_change <= -0.30 then 15 else 0 end
            + case when f.outflow_change <= -0.20 then 15 else 0 end
            + case when f.refinancing_asked then 20 else 0 end
            + case when f.days_to_maturity <= 60 then 15 else 0 end
            + case when f.utilisation_change < 0 and f.line_cancelled then 10 else 0 end
            + case when f.days_since_contact > 90 then 10 else 0 end
            + case when f.open_complaint_days > 15 then 10 else 0 end
            + case when f.rate_over_peers_bps > 50 then 10 else 0 end
            + case when f.nps <= 6 then 5 else 0 end as points
    ) as l
    cross join lateral (
        select case
            when f.operating_cash_flow_sign = -1 and f.investing_cash_flow_sign = -1
                and f.financing_cash_flow_sign = 1 then 'INTRODUCTION'
            when f.operating_cash_flow_sign = 1 and f.investing_cash_flow_sign = -1
                and f.financing_cash_flow_sign = 1 then 'GROWTH'
            when f.operating_cash_flow_sign is not null and f.investing_cash_flow_sign is not null
                and f.financing_cash_flow_sign is not null then 'OTHER'
            when f.firm_age_years < 3 then 'INTRODUCTION'
            when f.revenue_growth >= 0.20 then 'GROWTH'
            else 'OTHER'
        end as stage
    ) as g
)
select u.code, typed.type, count(*)
from typed
join bank.unit as u on u.id = typed.branch_id
group by u.code, typed.type
order by u.code, typed.type
