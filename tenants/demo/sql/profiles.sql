-- Where the differences between regions, industries and sizes come from: every assumption is a row here.

-- Provinces, from the statistics office's figures. `strength` (0 to 1) is the one number by which provinces
-- differ in grades, sizes and lateness: min-max of GDP per head .35, income .30, tertiary share .20, growth .15.
create temp table province on commit drop as
with figure as (
    select
        region_code,
        max(value) filter (where indicator = 'gdp') as gdp,
        max(value) filter (where indicator = 'gdp')
            / max(value) filter (where indicator = 'population') as per_head,
        max(value) filter (where indicator = 'disposable_income_per_capita') as income,
        max(value) filter (where indicator = 'tertiary_share') as tertiary,
        max(value) filter (where indicator = 'gdp_growth') as growth
    from bank.region_indicator
    join bank.region on region.code = region_code
    where country = 'CN' and year = 2023
    group by region_code
)
select
    (row_number() over (order by region_code collate "C"))::int as province_no,
    region_code,
    region.name as province,
    upper(split_part(macro_region, ' ', 1)) as macro_code,
    macro_region,
    2 + (gdp >= 25000)::int + (gdp >= 45000)::int + (gdp >= 80000)::int as sub_branches,
    gdp,
    tertiary,
    growth,
    round(
        .35 * (per_head - min(per_head) over ()) / (max(per_head) over () - min(per_head) over ())
        + .30 * (income - min(income) over ()) / (max(income) over () - min(income) over ())
        + .20 * (tertiary - min(tertiary) over ()) / (max(tertiary) over () - min(tertiary) over ())
        + .15 * (growth - min(growth) over ()) / (max(growth) over () - min(growth) over ()),
        4
    )::float8 as strength
from figure
join bank.region on region.code = region_code;

-- Where clients sit within a province; the n-th sub-branch is in the n-th of them.
create temp table city on commit drop as
select region_code, split_part(word, ' ', 1) as city, split_part(word, ' ', 2) as city_zh, city_no::int
from (values
    ('110000', '{Haidian 海淀,Chaoyang 朝阳,Xicheng 西城,Fengtai 丰台,Yizhuang 亦庄}'::text[]),
    ('120000', '{Binhai 滨海,Heping 和平,Nankai 南开,Wuqing 武清,Jinnan 津南}'),
    ('130000', '{Shijiazhuang 石家庄,Tangshan 唐山,Baoding 保定,Handan 邯郸,Langfang 廊坊}'),
    ('140000', '{Taiyuan 太原,Datong 大同,Linfen 临汾,Changzhi 长治,Jinzhong 晋中}'),
    ('150000', '{Hohhot 呼和浩特,Baotou 包头,Ordos 鄂尔多斯,Chifeng 赤峰,Tongliao 通辽}'),
    ('210000', '{Shenyang 沈阳,Dalian 大连,Anshan 鞍山,Yingkou 营口,Jinzhou 锦州}'),
    ('220000', '{Changchun 长春,Jilin 吉林,Siping 四平,Tonghua 通化,Yanji 延吉}'),
    ('230000', '{Harbin 哈尔滨,Daqing 大庆,Qiqihar 齐齐哈尔,Mudanjiang 牡丹江,Jiamusi 佳木斯}'),
    ('310000', '{Pudong 浦东,Huangpu 黄浦,Minhang 闵行,Jiading 嘉定,Songjiang 松江}'),
    ('320000', '{Nanjing 南京,Suzhou 苏州,Wuxi 无锡,Nantong 南通,Changzhou 常州}'),
    ('330000', '{Hangzhou 杭州,Ningbo 宁波,Wenzhou 温州,Shaoxing 绍兴,Jiaxing 嘉兴}'),
    ('340000', '{Hefei 合肥,Wuhu 芜湖,Bengbu 蚌埠,Anqing 安庆,Fuyang 阜阳}'),
    ('350000', '{Fuzhou 福州,Xiamen 厦门,Quanzhou 泉州,Zhangzhou 漳州,Putian 莆田}'),
    ('360000', '{Nanchang 南昌,Ganzhou 赣州,Jiujiang 九江,Shangrao 上饶,Yichun 宜春}'),
    ('370000', '{Jinan 济南,Qingdao 青岛,Yantai 烟台,Weifang 潍坊,Linyi 临沂}'),
    ('410000', '{Zhengzhou 郑州,Luoyang 洛阳,Nanyang 南阳,Xuchang 许昌,Xinxiang 新乡}'),
    ('420000', '{Wuhan 武汉,Xiangyang 襄阳,Yichang 宜昌,Jingzhou 荆州,Huangshi 黄石}'),
    ('430000', '{Changsha 长沙,Yueyang 岳阳,Changde 常德,Hengyang 衡阳,Zhuzhou 株洲}'),
    ('440000', '{Guangzhou 广州,Shenzhen 深圳,Foshan 佛山,Dongguan 东莞,Huizhou 惠州}'),
    ('450000', '{Nanning 南宁,Liuzhou 柳州,Guilin 桂林,Yulin 玉林,Beihai 北海}'),
    ('460000', '{Haikou 海口,Sanya 三亚,Danzhou 儋州,Qionghai 琼海,Wanning 万宁}'),
    ('500000', '{Yuzhong 渝中,Jiangbei 江北,Yubei 渝北,Wanzhou 万州,Fuling 涪陵}'),
    ('510000', '{Chengdu 成都,Mianyang 绵阳,Deyang 德阳,Yibin 宜宾,Luzhou 泸州}'),
    ('520000', '{Guiyang 贵阳,Zunyi 遵义,Bijie 毕节,Anshun 安顺,Liupanshui 六盘水}'),
    ('530000', '{Kunming 昆明,Qujing 曲靖,Dali 大理,Yuxi 玉溪,Honghe 红河}'),
    ('540000', '{Lhasa 拉萨,Shigatse 日喀则,Nyingchi 林芝,Chamdo 昌都,Nagqu 那曲}'),
    ('610000', '{Xi''an 西安,Baoji 宝鸡,Xianyang 咸阳,Yulin 榆林,Hanzhong 汉中}'),
    ('620000', '{Lanzhou 兰州,Tianshui 天水,Jiuquan 酒泉,Zhangye 张掖,Wuwei 武威}'),
    ('630000', '{Xining 西宁,Haidong 海东,Golmud 格尔木,Delingha 德令哈,Yushu 玉树}'),
    ('640000', '{Yinchuan 银川,Shizuishan 石嘴山,Wuzhong 吴忠,Zhongwei 中卫,Guyuan 固原}'),
    ('650000', '{Urumqi 乌鲁木齐,Karamay 克拉玛依,Korla 库尔勒,Kashgar 喀什,Yining 伊宁}')
) as of_province (region_code, words)
cross join lateral unnest(words) with ordinality as listed (word, city_no);

-- Industries (GB/T 4754-2017 divisions). weight: the share of clients in the country; tertiary: its share
-- follows the province's tertiary share; soundness: shifts the grade; growth: a year; margin: EBIT/revenue of a
-- sound firm; turnover: revenue/assets; fixed: share of fixed assets; days of receivables and of inventory.
create temp table industry on commit drop as
select (row_number() over (order by industry_code collate "C"))::int as industry_no, listed.*
from (values
    ('A01', 'Agriculture',     '农业',     'farm',    6, false, -.06::float8, .03::float8, .07::float8,
        .9::float8, .40::float8, 40, 90),
    ('B06', 'Coal',            '煤业',     'heavy',   3, false, -.03, .02, .16, .6, .55, 35, 30),
    ('C13', 'Foods',           '食品',     'light',   6, false,  .00, .04, .07, 1.4, .30, 35, 55),
    ('C17', 'Textiles',        '纺织',     'light',   6, false, -.06, .01, .06, 1.1, .30, 60, 80),
    ('C26', 'Chemicals',       '化工',     'heavy',   6, false, -.01, .04, .10, .9, .42, 55, 50),
    ('C27', 'Pharmaceuticals', '医药',     'tech',    3, false,  .07, .08, .17, .7, .30, 80, 90),
    ('C31', 'Steel',           '钢铁',     'heavy',   3, false, -.07, .00, .05, 1.0, .45, 35, 55),
    ('C34', 'Machinery',       '机械',     'heavy',   7, false,  .01, .05, .09, .8, .30, 95, 90),
    ('C36', 'Auto Parts',      '汽车部件', 'heavy',   4, false,  .01, .06, .08, .9, .33, 80, 60),
    ('C38', 'Electric',        '电气',     'tech',    5, false,  .03, .09, .09, .9, .28, 95, 65),
    ('C39', 'Electronics',     '电子',     'tech',    7, false,  .04, .10, .09, 1.0, .26, 85, 65),
    ('D44', 'Power',           '电力',     'heavy',   2, false,  .08, .06, .18, .4, .68, 60, 10),
    ('E48', 'Construction',    '建设',     'build',   7, false, -.05, .02, .06, .8, .18, 120, 70),
    ('F51', 'Trading',         '贸易',     'trade',  14, true,  -.03, .03, .04, 1.9, .12, 55, 45),
    ('G54', 'Logistics',       '物流',     'service', 5, true,  -.01, .06, .08, 1.1, .40, 60, 8),
    ('G55', 'Shipping',        '航运',     'service', 1, true,   .02, .04, .13, .6, .60, 45, 10),
    ('H61', 'Hotels',          '酒店',     'service', 2, true,  -.08, .03, .10, .5, .60, 20, 8),
    ('I65', 'Software',        '软件',     'tech',    5, true,   .08, .14, .15, .9, .12, 100, 15),
    ('K70', 'Property',        '置业',     'build',   3, true,  -.09, -.05, .14, .35, .20, 30, 300),
    ('L72', 'Services',        '商务服务', 'service', 4, true,   .00, .06, .10, 1.2, .15, 65, 5),
    ('M73', 'Research',        '科研',     'tech',    2, true,   .06, .12, .13, .8, .20, 90, 20),
    ('N77', 'Environmental',   '环保',     'build',   2, true,  -.01, .07, .12, .5, .45, 110, 25)
) as listed (
    industry_code, word, word_zh, trade, weight, tertiary_industry, industry_soundness, industry_growth, margin,
    turnover, fixed, receivable_days, inventory_days
);

-- Clusters: in these provinces the industry's weight is so many times the country's.
create temp table cluster on commit drop as
select *
from (values
    ('110000', 'I65', 4.0), ('110000', 'M73', 4.0), ('120000', 'G55', 4.0), ('130000', 'C31', 5.0),
    ('140000', 'B06', 8.0), ('150000', 'B06', 6.0), ('150000', 'A01', 2.0), ('210000', 'C31', 3.0),
    ('210000', 'C34', 2.0), ('220000', 'C36', 5.0), ('230000', 'A01', 4.0), ('230000', 'C13', 2.0),
    ('310000', 'G55', 5.0), ('310000', 'I65', 2.0), ('310000', 'C27', 2.0), ('320000', 'C34', 2.2),
    ('320000', 'C38', 1.8), ('330000', 'C17', 3.5), ('330000', 'I65', 1.6), ('340000', 'C38', 3.0),
    ('350000', 'C17', 3.0), ('360000', 'C27', 2.5), ('370000', 'C26', 3.0), ('370000', 'C13', 1.8),
    ('410000', 'C13', 3.0), ('420000', 'C36', 3.0), ('430000', 'C34', 2.6), ('440000', 'C39', 3.5),
    ('440000', 'F51', 1.3), ('450000', 'A01', 2.5), ('460000', 'H61', 8.0), ('500000', 'C36', 4.0),
    ('510000', 'C39', 1.8), ('510000', 'D44', 2.5), ('520000', 'C13', 2.5), ('530000', 'H61', 3.0),
    ('530000', 'A01', 2.2), ('540000', 'H61', 6.0), ('540000', 'E48', 3.0), ('610000', 'B06', 4.0),
    ('610000', 'M73', 2.0), ('620000', 'C31', 2.5), ('620000', 'D44', 3.0), ('630000', 'D44', 6.0),
    ('640000', 'D44', 5.0), ('640000', 'B06', 2.5), ('650000', 'A01', 3.0), ('650000', 'B06', 2.5)
) as listed (region_code, industry_code, times);

-- Sizes. from/to: yearly revenue in yuan and employees; facilities: from/to a client.
create temp table size on commit drop as
select *
from (values
    ('MICRO',  600000::float8,  5000000::float8,     3,    19, -.04::float8, 0, 5),
    ('SMALL',  5000000,         50000000,           20,   299,  .00, 0, 7),
    ('MEDIUM', 50000000,        400000000,         300,   999,  .03, 1, 8),
    ('LARGE',  400000000,       6000000000,       1000, 12000,  .06, 3, 8)
) as listed (
    size_class, revenue_from, revenue_to, employees_from, employees_to, size_soundness, facilities_from,
    facilities_to
);

-- Products. of_revenue: limit as a share of yearly revenue; spread in basis points; utilised: at least so much
-- of the limit is drawn; amortising: in equal quarterly parts, else all at maturity.
create temp table product on commit drop as
select *
from (values
    ('TERM_LOAN',            .12::float8, '{24,36,60}'::int[],     20, false, 1.0::float8, true),
    ('WORKING_CAPITAL',      .10, '{12,12,24}',      0, false, 1.0, false),
    ('REVOLVING_CREDIT',     .10, '{12,24,36}',     10, true,  .20, false),
    ('PROJECT_LOAN',         .30, '{60,84,120}',    35, false, .70, true),
    ('SUPPLY_CHAIN_FINANCE', .08, '{6,6,12}',       -5, true,  .40, false),
    ('ACQUISITION_LOAN',     .20, '{48,60,84}',     60, false, 1.0, true),
    ('MORTGAGE',             .25, '{60,84,120}',     5, false, 1.0, true),
    ('MICRO_CREDIT',         .15, '{6,12,18}',      90, false, 1.0, true),
    ('IP_PLEDGED_LOAN',      .08, '{12,24,36}',     45, false, 1.0, true),
    ('GREEN_LOAN',           .18, '{36,60,84}',    -15, false, .80, true),
    ('GUARANTEED_LOAN',      .08, '{12,24,36}',     25, false, 1.0, true)
) as listed (product, of_revenue, terms, product_bps, revolving, utilised, amortising);

-- What each trade borrows; a product that is listed twice is taken twice as often.
create temp table trade on commit drop as
select *
from (values
    ('farm', '{MICRO_CREDIT,MICRO_CREDIT,GUARANTEED_LOAN,GUARANTEED_LOAN,WORKING_CAPITAL,TERM_LOAN}'::text[]),
    ('heavy', '{TERM_LOAN,TERM_LOAN,PROJECT_LOAN,WORKING_CAPITAL,WORKING_CAPITAL,GREEN_LOAN,REVOLVING_CREDIT,
        SUPPLY_CHAIN_FINANCE}'),
    ('light', '{WORKING_CAPITAL,WORKING_CAPITAL,TERM_LOAN,SUPPLY_CHAIN_FINANCE,GUARANTEED_LOAN,MORTGAGE,
        REVOLVING_CREDIT}'),
    ('tech', '{IP_PLEDGED_LOAN,IP_PLEDGED_LOAN,WORKING_CAPITAL,REVOLVING_CREDIT,TERM_LOAN,ACQUISITION_LOAN,
        SUPPLY_CHAIN_FINANCE}'),
    ('build', '{PROJECT_LOAN,PROJECT_LOAN,MORTGAGE,WORKING_CAPITAL,GREEN_LOAN,TERM_LOAN}'),
    ('trade', '{SUPPLY_CHAIN_FINANCE,SUPPLY_CHAIN_FINANCE,WORKING_CAPITAL,WORKING_CAPITAL,REVOLVING_CREDIT,
        MICRO_CREDIT}'),
    ('service', '{WORKING_CAPITAL,TERM_LOAN,MORTGAGE,GUARANTEED_LOAN,REVOLVING_CREDIT,MICRO_CREDIT}')
) as listed (trade, products);

-- Distributions to draw from: width_bucket(chance, thresholds) is the number of what was drawn.
create temp table province_draw on commit drop as
select array_agg(below::float8 order by province_no) as thresholds
from (
    select province_no, round((sum(gdp) over (order by province_no) - gdp) / sum(gdp) over (), 9) as below
    from province
) as cumulated;

create temp table industry_draw on commit drop as
with weighted as (
    select
        region_code,
        industry_no,
        weight * coalesce(times, 1) * case when tertiary_industry then tertiary / 54 else 1 end as weight
    from province
    cross join industry
    left join cluster using (region_code, industry_code)
),
cumulated as (
    select
        region_code,
        industry_no,
        round(
            (sum(weight) over (partition by region_code order by industry_no) - weight)
            / sum(weight) over (partition by region_code),
            9
        ) as below
    from weighted
)
select region_code, array_agg(below::float8 order by industry_no) as thresholds
from cumulated
group by region_code;
