-- 育龄妇女信息系统: in life SQL Server with characters of GB2312. Its programs fill
-- the phone up to fifteen characters and cut the address at sixty.
CREATE TABLE fnxx (
    fnbh text PRIMARY KEY,                 -- 妇女编号
    fnxm text NOT NULL,                    -- 妇女姓名
    sfzh text NOT NULL DEFAULT '',
    csny text NOT NULL DEFAULT '',         -- 出生年月日 yyyyMMdd
    mz   text NOT NULL DEFAULT '',
    hyzk text NOT NULL DEFAULT '',         -- 婚姻状况, one digit
    zfxm text NOT NULL DEFAULT '',         -- 丈夫姓名
    whcd text NOT NULL DEFAULT '',         -- GB 4658-84
    bycs text NOT NULL DEFAULT '',         -- 避孕措施
    yjrq text NOT NULL DEFAULT '',         -- 孕检日期
    lxdh text NOT NULL DEFAULT '',
    xjzd text NOT NULL DEFAULT '',         -- 现居住地
    rkzt text NOT NULL DEFAULT '1',        -- 人口状态
    swrq text NOT NULL DEFAULT '',
    scbz text NOT NULL DEFAULT 'N',        -- 删除标志
    gxsj timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.lxdh <> '' THEN
        NEW.lxdh := rpad(NEW.lxdh, 15);
    END IF;
    NEW.xjzd := left(NEW.xjzd, 60);
    RETURN NEW;
END $$;
CREATE TRIGGER a_fit BEFORE INSERT OR UPDATE ON fnxx FOR EACH ROW EXECUTE FUNCTION fit();
