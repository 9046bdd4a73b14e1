HEAD
    select
        kept.branch_id,
        kept.client_id,
        kept.currency,
        kept.registered_capital_minor,
        kept.employees,
        kept.size_class,
        kept.industry_scheme,
        kept.industry_code,
        kept.status,
        kept.watch_list,
        kept.national_key_project,
        app.years_between(kept.established_on, today.day) as firm_age_years,
        app.years_between(kept.relationship_since, today.day) as tenure_years,
        kept.assigned_grade,
        kept.probability_of_default,
        kept.statement_period_end,
        today.day - kept.statement_period_end as statement_age_days,
        kept.statement_count,
        case when kept.statement_currency = kept.currency then kept.revenue_minor end as revenue_minor,
        case when kept.statement_currency = kept.currency then kept.total_assets_minor end as total_assets_minor,
        kept.revenue_growth,
        kept.revenue_cagr3y,
        kept.revenue_variation,
        kept.gross_margin,
        kept.ebit_margin,
        kept.net_margin,
        kept.profit_before_tax_margin,
        kept.liabilities_to_assets,
        kept.equity_ratio,
        kept.current_ratio,
        kept.debt_to_ebitda,
        kept.ebitda_positive,
        kept.interest_cover,
        kept.interest_cover_previous,
        kept.z_score,
        kept.operating_cash_flow_sign::int as operating_cash_flow_sign,
        kept.investing_cash_flow_sign::int as investing_cash_flow_sign,
        kept.financing_cash_flow_sign::int as financing_cash_flow_sign,
        -- greatest() passes over what is null.
        case
            when kept.first_due_on <= today.day then greatest(today.day - kept.oldest_unpaid_due_on, 0)
        end as days_past_due,
        case
            when kept.first_due_on <= today.day then greatest(
                today.day - kept.oldest_unpaid_due_on,
                app.worst_since((today.day - interval '12 months')::date, kept.late_paid_on, kept.late_days),
                0
            )
        end as days_past_due12m,
        case
            when kept.first_due_on <= today.day then greatest(
                today.day - kept.oldest_unpaid_due_on,
                app.worst_since((today.day - interval '24 months')::date, kept.late_paid_on, kept.late_days),
                0
            )
        end as days_past_due24m,
        case when kept.has_facility or kept.has_credit_event then kept.default_count end as default_count,
        today.day - kept.last_default_on as days_since_default,
        kept.loan_class,
        case
            when kept.has_facility or kept.has_credit_event
                then coalesce(kept.last_misuse_on > (today.day - interval '24 months')::date, false)
        end as misuse,
        case
            when kept.has_facility or kept.has_credit_event
                then coalesce(kept.last_related_party_abuse_on > (today.day - interval '24 months')::date, false)
        end as related_party_abuse,
        case
            when kept.has_facility or kept.has_credit_event
                then coalesce(kept.last_covenant_default_on > (today.day - interval '24 months')::date, false)
        end as covenant_default,
        lent.exposure_minor,
        case
            when not kept.has_facility or kept.facility_currency = kept.currency then kept.facility_limit_minor
        end as facility_limit_minor,
        kept.utilisation,
        kept.facility_count,
        app.share_at(lent.exposure_minor, exposed.thresholds, exposed.shares) as exposure_rank,
        case when kept.month_currency = kept.currency then kept.balance3m_minor end as balance3m_minor,
        case when kept.month_currency = kept.currency then kept.balance12m_minor end as balance12m_minor,
        kept.balance_change,
        kept.outflow_change,
        kept.utilisation_change,
        case
            when kept.has_facility or kept.has_credit_event
                then coalesce(kept.last_line_cancelled_on > (today.day - interval '12 months')::date, false)
        end as line_cancelled,
        case
            when kept.has_facility or kept.has_credit_event
                then coalesce(kept.last_refinancing_asked_on > (today.day - interval '6 months')::date, false)
        end as refinancing_asked,
        kept.next_maturity_on - today.day as days_to_maturity,
        greatest(today.day - kept.last_contact_on, case when kept.last_contact_on is not null then 0 end)
            as days_since_contact,
        case
            when kept.oldest_open_complaint_on is not null
                then greatest(today.day - kept.oldest_open_complaint_on, 0)
            when kept.has_complaint or kept.last_contact_on is not null then 0
        end as open_complaint_days,
        kept.nps::int as nps,
        kept.rate_over_peers_bps,
        earned.contribution12m_minor,
        app.share_at(earned.contribution12m_minor, contributed.thresholds, contributed.shares)
            as contribution_cumulated,
        app.fraction(earned.contribution12m_minor, of_branch.contribution_minor) as branch_contribution_share,
        region.economic_tier as region_tier,
        region.economic_index as region_index,
        region.credit_climate,
        case
            when cluster.region_code is not null then true
            when kept.region_code is not null and kept.industry_code is not null
                and exists (select from bank.region_cluster) then false
        end as industry_is_cluster,
        connected.members as group_size,
        case when connected.currency = kept.currency then connected.exposure_minor end as group_exposure_minor,
        connected.worst_loan_class as group_loan_class,
        connected.worst_days_past_due as group_days_past_due,
        kept.changed_at
    from KEPT
    cross join lateral (select TODAY as day) as today
    cross join lateral (
        select case when not kept.has_facility or kept.facility_currency = kept.currency then kept.exposure_minor end
            as exposure_minor
    ) as lent
    cross join lateral (
        select case when kept.month_currency = kept.currency then kept.contribution12m_minor end
            as contribution12m_minor
    ) as earned
    -- Each by its whole key, so that PostgreSQL leaves out those that nobody asks for.
    left join bank.standing as exposed on exposed.measure = 'EXPOSURE' and exposed.currency = kept.currency
    left join bank.standing as contributed
        on contributed.measure = 'CONTRIBUTION' and contributed.currency = kept.currency
    left join bank.branch_standing as of_branch
        on of_branch.branch_id = kept.branch_id and of_branch.currency = kept.currency
    left join bank.region_class as region on region.region_code = kept.region_code
    left join bank.region_cluster as cluster
        on cluster.region_code = kept.region_code and cluster.industry_scheme = kept.industry_scheme
        and cluster.industry_code = kept.industry_code
    left join bank.client_group as connected
        on connected.branch_id = kept.branch_id and connected.client_id = kept.client_id
END
