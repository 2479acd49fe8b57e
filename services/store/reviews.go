package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema"
)

// openPairs are the edges that wait for a person: between two living records of
// two residents, not told apart by anybody. Records of sealed platforms are in no
// pair that anybody sees (I7). "later" hangs on the records' names: edges are
// written anew by every resolution. An edge that came after it is not covered,
// so that a pair comes back when something new speaks.
const openPairs = `SELECT e.a, e.b, e.weight, e.reason,
		least(a.resident_id, b.resident_id) AS x, greatest(a.resident_id, b.resident_id) AS y,
		EXISTS (SELECT FROM decisions d WHERE d.kind = 'later' AND d.revoked_at IS NULL AND d.later_until > now()
			AND ((d.a_platform, d.a_key, d.b_platform, d.b_key) = (a.platform, a.key, b.platform, b.key)
				OR (d.a_platform, d.a_key, d.b_platform, d.b_key) = (b.platform, b.key, a.platform, a.key))) AS later
	FROM edges e JOIN records a ON a.id = e.a JOIN records b ON b.id = e.b
		JOIN platforms pa ON pa.id = a.platform JOIN platforms pb ON pb.id = b.platform
	WHERE e.reason <> 'decision' AND NOT a.deleted AND NOT b.deleted AND a.resident_id <> b.resident_id
		AND pa.class <> 'D' AND pb.class <> 'D'`

// ReviewReasons are why a pair waits, the gravest first: two different valid ID
// numbers, one number under two people, a misfit of the groups, likeness.
var ReviewReasons = []string{"i3", "same_id", "group", "below_link"}

// benefits are attributes on which money or care hangs: a wrong join or a missed
// one costs somebody.
var benefits = []schema.Attribute{schema.LowIncome, schema.Disability, schema.PensionStatus, schema.MedicalStatus,
	schema.VeteranCategory, schema.MaternalStatus}

// Review is a pair of residents that a person should look at, shown by the pair
// of their records that speaks loudest.
type Review struct {
	X, Y   uuid.UUID // residents, X < Y
	A, B   Record    // of X and Y, in either order
	Weight int       // hundredths of a bit
	Reason string    // of ReviewReasons
	Mark   ReviewMark
}

// ReviewMark is a review's place in the queue. The queue is ordered by
// consequence: conflicts about ID numbers first, then how much hangs on the two
// residents (rows that are written to, benefits), then the weight.
type ReviewMark struct {
	Grave  int   `json:"g"` // 1: two valid ID numbers, or one number under two people
	Stakes int   `json:"s"` // targets and benefits of both residents
	Weight int   `json:"w"`
	A      int64 `json:"a"`
	B      int64 `json:"b"`
}

// ReviewFilter narrows the queue. Blank fields do not.
type ReviewFilter struct {
	Reason string
	// Community is the name of a community, of residence or of hukou of either
	// resident, or the id of a body that is responsible for such a community today.
	Community string
	Platform  string // has a record of either resident
	Later     bool   // those that somebody put off, instead of those that wait
	After     *ReviewMark
	Limit     int
}

// waitingPairs counts the pairs that wait for whoever asks: those of which both are
// seen. A pair of two communities waits for somebody who sees both of them.
func waitingPairs(ctx context.Context) (sql string, args []any) {
	if !Limited(ctx) {
		return `SELECT count(DISTINCT (x, y)) FROM (` + openPairs + `) o WHERE NOT later`, nil
	}
	mine := whom(ctx, "rx", &args) + ` AND ` + whom(ctx, "ry", &args)
	return `SELECT count(DISTINCT (x, y)) FROM (` + openPairs + `) o JOIN residents rx ON rx.id = x JOIN residents ry ON ry.id = y
		WHERE NOT later AND (` + mine + `) IS TRUE`, args
}

// ReviewsOpen counts the pairs that wait for whoever asks.
func (s *Store) ReviewsOpen(ctx context.Context) (n int64, err error) {
	sql, args := waitingPairs(ctx)
	if err = s.pool.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count reviews: %w", err)
	}
	return n, nil
}

// Reviews returns open pairs of residents that are both seen in ctx, in the order of
// the queue. What is decided while
// somebody pages leaves no gap and shows nothing twice.
func (s *Store) Reviews(ctx context.Context, f ReviewFilter) ([]Review, error) {
	after := f.After
	if after == nil {
		after = &ReviewMark{Grave: 2}
	}
	const community = `(split_part(%[1]s.master->'residence'->>'v', '|', 5) IN (SELECT name FROM areas)
		OR split_part(%[1]s.master->'hukou_address'->>'v', '|', 5) IN (SELECT name FROM areas))`
	args := []any{f.Later, f.Reason, f.Community, f.Platform, benefits, after.Grave, after.Stakes, after.Weight, after.A, after.B, f.Limit}
	mine := whom(ctx, "rx", &args) + ` AND ` + whom(ctx, "ry", &args)
	rows, err := s.pool.Query(ctx, `WITH open AS (`+openPairs+`),
			best AS (SELECT DISTINCT ON (x, y) a, b, x, y, weight, reason, (reason IN ('i3', 'same_id'))::int AS grave FROM open
				WHERE later = $1 AND ($2 = '' OR reason = $2)
				ORDER BY x, y, (reason IN ('i3', 'same_id')) DESC, weight DESC, a, b),
			areas AS (SELECT $3::text AS name UNION SELECT area FROM responsibilities
				WHERE body = $3 AND area IS NOT NULL AND current_date BETWEEN valid_from AND coalesce(valid_to, 'infinity')),
			ranked AS (SELECT best.*, ((SELECT count(*) FROM targets t WHERE t.resident_id IN (x, y))
					+ (SELECT count(*) FROM unnest($5::text[]) k WHERE rx.master ? k)
					+ (SELECT count(*) FROM unnest($5::text[]) k WHERE ry.master ? k))::int AS stakes
				FROM best JOIN residents rx ON rx.id = x JOIN residents ry ON ry.id = y
				WHERE ($3 = '' OR `+fmt.Sprintf(community, "rx")+` OR `+fmt.Sprintf(community, "ry")+`) AND (`+mine+`) IS TRUE
					AND ($4 = '' OR EXISTS (SELECT FROM records r JOIN platforms p ON p.id = r.platform
						WHERE r.resident_id IN (x, y) AND r.platform = $4 AND NOT r.deleted AND p.class <> 'D')))
		SELECT x, y, a, b, weight, reason, grave, stakes FROM ranked
		WHERE (grave, stakes, weight, -a, -b) < ($6::int, $7::int, $8::int, -$9::bigint, -$10::bigint)
		ORDER BY grave DESC, stakes DESC, weight DESC, a, b LIMIT $11`, args...)
	if err != nil {
		return nil, fmt.Errorf("read reviews: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Review, error) {
		var r Review
		err := row.Scan(&r.X, &r.Y, &r.A.ID, &r.B.ID, &r.Weight, &r.Reason, &r.Mark.Grave, &r.Mark.Stakes)
		r.Mark.Weight, r.Mark.A, r.Mark.B = r.Weight, r.A.ID, r.B.ID
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read reviews: %w", err)
	}
	var ids []int64
	for _, r := range list {
		ids = append(ids, r.A.ID, r.B.ID)
	}
	byID, err := recordsByID(ctx, s.pool, ids)
	for i := range list {
		list[i].A, list[i].B = byID[list[i].A.ID], byID[list[i].B.ID]
	}
	return list, err
}

func recordsByID(ctx context.Context, q querier, ids []int64) (map[int64]Record, error) {
	rows, err := q.Query(ctx, `SELECT `+recordColumns+` FROM records r WHERE id = ANY($1)`, ids)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	out := make(map[int64]Record, len(list))
	for _, rec := range list {
		out[rec.ID] = rec
	}
	return out, nil
}
