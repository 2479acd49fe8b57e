-- 居民养老保险: columns by the names of the social insurance's own standard.
CREATE TABLE cbry (
    aac001 text PRIMARY KEY,                 -- 个人编号
    aac003 text NOT NULL,                    -- 姓名
    aac002 text NOT NULL DEFAULT '',         -- 身份证号
    aac004 text NOT NULL DEFAULT '',         -- 性别
    aac005 text NOT NULL DEFAULT '',         -- 民族, without the leading zero
    aac006 text NOT NULL DEFAULT '',         -- 出生日期 yyyyMMdd
    aac017 text NOT NULL DEFAULT '',         -- 婚姻状况, one digit
    aac011 text NOT NULL DEFAULT '',         -- 文化程度, GB 4658-84
    aae005 text NOT NULL DEFAULT '',         -- 联系电话
    aae006 text NOT NULL DEFAULT '',         -- 居住地址
    aac008 text NOT NULL DEFAULT '',         -- 参保状态
    aac060 text NOT NULL DEFAULT '1',        -- 人员标识
    aic162 text NOT NULL DEFAULT '',         -- 死亡日期
    zxbz   text NOT NULL DEFAULT '0',        -- 注销标志
    aae036 timestamptz NOT NULL DEFAULT now() -- 经办时间
);
