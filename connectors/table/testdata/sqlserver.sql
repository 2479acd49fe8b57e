== check

SELECT s.name, o.name, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END, 1, 1,
	CASE WHEN EXISTS (SELECT 1 FROM sys.databases d WHERE d.database_id = DB_ID() AND d.snapshot_isolation_state = 1) THEN 1 ELSE 0 END
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.name = @p1 AND s.name = SCHEMA_NAME()
  -- 1: persons

SELECT c.name, ty.name, CASE WHEN c.is_nullable = 1 THEN 1 ELSE 0 END,
	CASE WHEN ty.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 ELSE c.max_length END, c.precision, c.scale
FROM sys.columns c JOIN sys.types ty ON ty.user_type_id = c.system_type_id
WHERE c.object_id = OBJECT_ID(QUOTENAME(@p1) + '.' + QUOTENAME(@p2)) ORDER BY c.column_id
  -- 1: dbo
  -- 2: persons

SELECT TOP (1) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t

SELECT CASE WHEN DATABASEPROPERTYEX(DB_NAME(), 'Updateability') = 'READ_WRITE' THEN 1 ELSE 0 END

SELECT CASE WHEN HAS_PERMS_BY_NAME(@p1, 'OBJECT', 'UPDATE', @p2, 'COLUMN') = 1 THEN 1 ELSE 0 END
  -- 1: [dbo].[persons]
  -- 2: sfzh

SELECT CASE WHEN HAS_PERMS_BY_NAME(@p1, 'OBJECT', 'UPDATE', @p2, 'COLUMN') = 1 THEN 1 ELSE 0 END
  -- 1: [dbo].[persons]
  -- 2: xm

SELECT CASE WHEN HAS_PERMS_BY_NAME(@p1, 'OBJECT', 'UPDATE', @p2, 'COLUMN') = 1 THEN 1 ELSE 0 END
  -- 1: [dbo].[persons]
  -- 2: sjhm

== a full read

BEGIN Snapshot

SELECT COUNT(*) FROM [dbo].[persons]

SELECT DATEDIFF(second, '1970-01-01', SYSUTCDATETIME()), CONVERT(nvarchar(33), SYSDATETIME(), 121)

SELECT TOP (1) CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]) FROM [dbo].[persons] AS t WHERE t.[gxsj] IS NOT NULL AND t.[id] IS NOT NULL ORDER BY t.[gxsj] DESC, t.[id] DESC

SELECT CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END, CASE WHEN t.[gxsj] >= TRY_CONVERT(datetime2(7), @p1, 121) THEN 1 ELSE 0 END FROM [dbo].[persons] AS t
  -- 1: 2026-03-01 07:55:00.123

ROLLBACK

== what is new

SELECT DATEDIFF(second, '1970-01-01', SYSUTCDATETIME()), CONVERT(nvarchar(33), SYSDATETIME(), 121)

SELECT TOP (7) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE t.[gxsj] >= TRY_CONVERT(datetime2(7), @p1, 121) AND ((t.[gxsj] < TRY_CONVERT(datetime2(7), @p2, 121)) OR (t.[gxsj] = TRY_CONVERT(datetime2(7), @p3, 121) AND t.[id] <= TRY_CONVERT(varchar(20), @p4))) ORDER BY t.[gxsj], t.[id]
  -- 1: 2026-03-01 07:55:00.123
  -- 2: 2026-03-01 08:00:00.1230000
  -- 3: 2026-03-01 08:00:00.1230000
  -- 4: P0001

SELECT TOP (7) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE t.[gxsj] >= TRY_CONVERT(datetime2(7), @p1, 121) AND ((t.[gxsj] > TRY_CONVERT(datetime2(7), @p2, 121)) OR (t.[gxsj] = TRY_CONVERT(datetime2(7), @p3, 121) AND t.[id] > TRY_CONVERT(varchar(20), @p4))) ORDER BY t.[gxsj], t.[id]
  -- 1: 2026-03-01 08:00:00.1230000
  -- 2: 2026-03-01 08:00:00.1230000
  -- 3: 2026-03-01 08:00:00.1230000
  -- 4: P0001

== a log

SELECT s.name, o.name, CASE WHEN o.type = 'V' THEN 1 ELSE 0 END, 1, 1,
	CASE WHEN EXISTS (SELECT 1 FROM sys.databases d WHERE d.database_id = DB_ID() AND d.snapshot_isolation_state = 1) THEN 1 ELSE 0 END
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE o.type IN ('U', 'V') AND o.name = @p1 AND s.name = SCHEMA_NAME()
  -- 1: rz

SELECT c.name, ty.name, CASE WHEN c.is_nullable = 1 THEN 1 ELSE 0 END,
	CASE WHEN ty.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2 ELSE c.max_length END, c.precision, c.scale
FROM sys.columns c JOIN sys.types ty ON ty.user_type_id = c.system_type_id
WHERE c.object_id = OBJECT_ID(QUOTENAME(@p1) + '.' + QUOTENAME(@p2)) ORDER BY c.column_id
  -- 1: dbo
  -- 2: persons

SELECT MIN([xh]), MAX([xh]) FROM [dbo].[persons]

SELECT TOP (7) CONVERT(nvarchar(max), t.[xh]), CONVERT(nvarchar(max), t.[rid]) FROM [dbo].[persons] AS t WHERE t.[xh] BETWEEN 3 AND 4 ORDER BY t.[xh]

SELECT TOP (7) CONVERT(nvarchar(max), t.[xh]), CONVERT(nvarchar(max), t.[rid]) FROM [dbo].[persons] AS t WHERE t.[xh] BETWEEN 8 AND 9223372036854775807 ORDER BY t.[xh]

SELECT CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE (t.[id] = TRY_CONVERT(varchar(20), @p1))
  -- 1: P0001

== an update

BEGIN

DECLARE @r int; EXEC @r = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = @p2; SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END
  -- 1: heji:c82856600985b124ee637cc50530b7ff371d20d9
  -- 2: 30000

UPDATE t SET [bz] = NULL, [csrq] = CONVERT(date, @p1, 23), [sjhm] = CONVERT(varchar(max), @p2), [xm] = @p3, [gxsj] = SYSDATETIME() FROM [dbo].[persons] AS t WHERE t.[id] = TRY_CONVERT(varchar(20), @p4) AND (COALESCE(DATALENGTH(CONVERT(varbinary(max), RTRIM(t.[sc]))), 0) = 0 OR NOT (CONVERT(varbinary(max), RTRIM(t.[sc])) = CONVERT(varbinary(max), @p5))) AND COALESCE(DATALENGTH(CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END), 0) = 0 AND CONVERT(varbinary(max), CONVERT(nvarchar(max), CONVERT(nvarchar(10), t.[csrq], 23))) = CONVERT(varbinary(max), CONVERT(nvarchar(max), @p6)) AND CONVERT(varbinary(max), RTRIM(t.[sjhm])) = CONVERT(varbinary(max), @p7) AND CONVERT(varbinary(max), CONVERT(nvarchar(max), CONVERT(nvarchar(max), t.[xm]))) = CONVERT(varbinary(max), CONVERT(nvarchar(max), @p8))
  -- 1: 1990-01-01
  -- 2: bytes 3133393030303031313131
  -- 3: 
  -- 4: P0001
  -- 5: bytes 31
  -- 6: 1990-01-02
  -- 7: bytes 3133393132333435363738
  -- 8: 甲

SELECT TOP (20) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE t.[id] = TRY_CONVERT(varchar(20), @p1) AND (COALESCE(DATALENGTH(CONVERT(varbinary(max), RTRIM(t.[sc]))), 0) = 0 OR NOT (CONVERT(varbinary(max), RTRIM(t.[sc])) = CONVERT(varbinary(max), @p2)))
  -- 1: P0001
  -- 2: bytes 31

COMMIT

== a create

BEGIN

DECLARE @r int; EXEC @r = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = @p2; SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END
  -- 1: heji:d2148b38f45edb54633feb8d1f295938198599c3
  -- 2: 30000

SELECT TOP (20) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE t.[sfzh] = CONVERT(varchar(18), @p1) AND (COALESCE(DATALENGTH(CONVERT(varbinary(max), RTRIM(t.[sc]))), 0) = 0 OR NOT (CONVERT(varbinary(max), RTRIM(t.[sc])) = CONVERT(varbinary(max), @p2)))
  -- 1: bytes 4E32
  -- 2: bytes 31

INSERT INTO [dbo].[persons] ([sfzh], [xm], [gxsj]) VALUES (CONVERT(varchar(max), @p1), @p2, SYSDATETIME())
  -- 1: bytes 4E32
  -- 2: 乙

SELECT TOP (20) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE t.[sfzh] = CONVERT(varchar(18), @p1) AND (COALESCE(DATALENGTH(CONVERT(varbinary(max), RTRIM(t.[sc]))), 0) = 0 OR NOT (CONVERT(varbinary(max), RTRIM(t.[sc])) = CONVERT(varbinary(max), @p2)))
  -- 1: bytes 4E32
  -- 2: bytes 31

COMMIT

== a look

SELECT CASE WHEN DATABASEPROPERTYEX(DB_NAME(), 'Updateability') = 'READ_WRITE' THEN 1 ELSE 0 END

BEGIN

DECLARE @r int; EXEC @r = sp_getapplock @Resource = @p1, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = @p2; SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END
  -- 1: heji:c82856600985b124ee637cc50530b7ff371d20d9
  -- 2: 60000

SELECT TOP (20) CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN NULL ELSE CONVERT(nvarchar(max), t.[bz]) END, CONVERT(nvarchar(10), t.[csrq], 23), CONVERT(nvarchar(33), t.[gxsj], 121), CONVERT(nvarchar(max), t.[id]), CONVERT(varbinary(max), RTRIM(t.[sc])), CONVERT(varbinary(max), t.[sfzh]), CONVERT(varbinary(max), RTRIM(t.[sjhm])), CONVERT(nvarchar(max), t.[xm]), CONVERT(nvarchar(16), CONVERT(varbinary(8), t.[bb]), 2), CASE WHEN DATALENGTH(t.[bz]) > 4194304 THEN 1 ELSE 0 END FROM [dbo].[persons] AS t WHERE t.[id] = TRY_CONVERT(varchar(20), @p1) AND (COALESCE(DATALENGTH(CONVERT(varbinary(max), RTRIM(t.[sc]))), 0) = 0 OR NOT (CONVERT(varbinary(max), RTRIM(t.[sc])) = CONVERT(varbinary(max), @p2)))
  -- 1: P0001
  -- 2: bytes 31

ROLLBACK

