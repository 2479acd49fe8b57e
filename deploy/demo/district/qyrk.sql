-- 全员人口: in life Oracle. Others get a view, which takes no writes.
CREATE TABLE qyrk (
    rybm   text PRIMARY KEY,
    xm     text NOT NULL,
    sfzh   text NOT NULL DEFAULT '',
    xb     text NOT NULL DEFAULT '',
    mz     text NOT NULL DEFAULT '',
    csrq   text NOT NULL DEFAULT '',
    hyzk   text NOT NULL DEFAULT '',
    hjdz   text NOT NULL DEFAULT '',
    csyxzm text NOT NULL DEFAULT '',         -- 出生医学证明
    mqxm   text NOT NULL DEFAULT '',
    mqsfzh text NOT NULL DEFAULT '',
    tc     text NOT NULL DEFAULT '',         -- 胎次
    swbz   text NOT NULL DEFAULT '0',        -- 死亡标志
    swrq   text NOT NULL DEFAULT '',
    zxbz   text NOT NULL DEFAULT '0',
    gxrq   timestamptz NOT NULL DEFAULT now()
);
CREATE VIEW v_qyrk AS SELECT DISTINCT ON (rybm) * FROM qyrk ORDER BY rybm;
