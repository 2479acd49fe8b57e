-- 居民养老保险: the platform's own table, its programs' trigger, and, in a
-- schema that the hub has no business with, what the demo notes down.
CREATE TABLE cbry (
    grbh text PRIMARY KEY,                 -- 个人编号
    xm   text NOT NULL,                    -- 姓名
    sfzh text NOT NULL DEFAULT '',         -- 身份证号
    xb   text NOT NULL DEFAULT '',         -- 性别
    mz   text NOT NULL DEFAULT '',         -- 民族, without the leading zero
    csrq text NOT NULL DEFAULT '',         -- 出生日期 yyyyMMdd
    hyzk text NOT NULL DEFAULT '',         -- 婚姻状况, one digit
    whcd text NOT NULL DEFAULT '',         -- 文化程度, GB 4658-84
    lxdh text NOT NULL DEFAULT '',         -- 联系电话
    jzdz text NOT NULL DEFAULT '',         -- 居住地址
    cbzt text NOT NULL DEFAULT '',         -- 参保状态
    rybs text NOT NULL DEFAULT '1',        -- 人员标识
    swrq text NOT NULL DEFAULT '',         -- 死亡日期
    zxbz text NOT NULL DEFAULT '0',        -- 注销标志
    gxsj timestamptz NOT NULL DEFAULT now() -- 更新时间
);
CREATE INDEX cbry_gxsj ON cbry (gxsj, grbh);

CREATE SCHEMA demo;
CREATE TABLE demo.journal (
    id       bigserial PRIMARY KEY,
    at       timestamptz NOT NULL,
    intent   text NOT NULL,
    op       text NOT NULL,
    grbh     text NOT NULL,
    set      jsonb NOT NULL,
    repeated boolean NOT NULL
);
CREATE TABLE demo.edits (seq bigserial, id text PRIMARY KEY, body jsonb NOT NULL);
CREATE TABLE demo.origins (grbh text PRIMARY KEY, person integer NOT NULL);
CREATE SEQUENCE demo.grbh;

-- Whoever does not say that it is a clerk or the first load comes from outside.
CREATE FUNCTION demo.actor() RETURNS text LANGUAGE sql STABLE AS
$$ SELECT coalesce(nullif(current_setting('demo.actor', true), ''), 'outside') $$;

CREATE FUNCTION demo.before_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF demo.actor() = 'load' THEN
        RETURN NEW;
    END IF;
    IF NEW.lxdh <> '' AND NEW.lxdh !~ '^1[0-9]{10}$' THEN
        RAISE EXCEPTION '联系电话应为11位手机号码' USING ERRCODE = 'check_violation', COLUMN = 'lxdh', TABLE = 'cbry';
    END IF;
    IF NEW.xm = '' THEN
        RAISE EXCEPTION '姓名不能为空' USING ERRCODE = 'check_violation', COLUMN = 'xm', TABLE = 'cbry';
    END IF;
    NEW.gxsj := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER before_change BEFORE INSERT OR UPDATE ON cbry FOR EACH ROW EXECUTE FUNCTION demo.before_change();

-- The journal holds the columns that changed: a statement that changes none
-- wrote what the row already held.
CREATE FUNCTION demo.after_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := '{}';
    set jsonb := '{}';
    row text;
BEGIN
    IF demo.actor() <> 'outside' THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        was := to_jsonb(OLD) - 'gxsj';
        row := OLD.grbh;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        row := NEW.grbh;
        SELECT coalesce(jsonb_object_agg(key, value), '{}') INTO set
          FROM jsonb_each(to_jsonb(NEW) - 'gxsj') WHERE was -> key IS DISTINCT FROM value;
    END IF;
    INSERT INTO demo.journal (at, intent, op, grbh, set, repeated)
    VALUES (clock_timestamp(), coalesce(current_setting('heji.intent', true), ''), TG_OP, row, set,
            TG_OP = 'UPDATE' AND set = '{}');
    RETURN NULL;
END $$;
CREATE TRIGGER after_change AFTER INSERT OR UPDATE OR DELETE ON cbry FOR EACH ROW EXECUTE FUNCTION demo.after_change();
