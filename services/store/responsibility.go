package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"heji/schema/codes"
)

// Who is responsible for whom. It is a relation of its own and no attribute of
// a resident: in one neighbourhood 计生 may lie with the street and 党建 with the
// town, and a resident who lives apart from the hukou (人户分离) belongs to two
// communities, to each for its own domains.

// Body is a community, street, town, county or department.
type Body struct {
	ID     string // chosen by whoever registers it
	Name   string
	Kind   BodyKind
	Parent string // empty: none is registered
}

// BodyKind says what a body is.
type BodyKind string

// The kinds of bodies.
const (
	BodyCommunity  BodyKind = "community"  // 社区、村
	BodyStreet     BodyKind = "street"     // 街道
	BodyTown       BodyKind = "town"       // 镇、乡
	BodyCounty     BodyKind = "county"     // 县、区
	BodyDepartment BodyKind = "department" // 部门
)

// Basis says through which of a resident's two addresses a body is responsible.
type Basis string

// The two bases.
const (
	ByResidence Basis = "residence" // 居住地
	ByHukou     Basis = "hukou"     // 户籍地
)

// Scope says what a responsibility is given for.
type Scope string

// The scopes, the narrowest first: the narrowest that fits a resident holds.
const (
	ScopeResident Scope = "resident"
	ScopeDwelling Scope = "dwelling"
	ScopeArea     Scope = "area"
)

// Responsibility says that a body answers for one resident, one dwelling or one
// area in one domain. Exactly one of Resident, Dwelling and Area is set.
type Responsibility struct {
	Domain   string // code table domain
	Body     string // Body.ID
	Resident uuid.UUID
	Dwelling string // schema.Address.Dwelling
	Area     string // schema.Address.Community, as addresses write it
	Basis    Basis  // empty: ByResidence
	From     time.Time
	To       *time.Time // the last day; nil: until another one begins
}

// Responsible is a body that answers for a resident, and why it is the one.
type Responsible struct {
	Domain  string
	Body    Body
	Basis   Basis
	Because Scope
}

// sealedDomains are those in which it says something about a person to be named
// at all. I7: they are divided by area only.
var sealedDomains = []string{"justice"}

// PutBody registers a body, or changes its name, kind and parent.
func (s *Store) PutBody(ctx context.Context, b Body) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		switch {
		case strings.TrimSpace(b.ID) == "" || strings.TrimSpace(b.Name) == "":
			return errors.New("a body needs an id and a name")
		case !slices.Contains([]BodyKind{BodyCommunity, BodyStreet, BodyTown, BodyCounty, BodyDepartment}, b.Kind):
			return fmt.Errorf("kind %q is none of community, street, town, county, department", b.Kind)
		}
		// Two changes at once could close a ring that neither sees.
		if _, err := tx.Exec(ctx, `LOCK TABLE bodies IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		var known, ring bool
		if err := tx.QueryRow(ctx, `WITH RECURSIVE up(id, parent) AS (
				SELECT id, parent FROM bodies WHERE id = $1
				UNION SELECT b.id, b.parent FROM bodies b JOIN up ON b.id = up.parent)
			SELECT EXISTS (SELECT FROM up), $1 = $2 OR EXISTS (SELECT FROM up WHERE id = $2)`, b.Parent, b.ID).Scan(&known, &ring); err != nil {
			return err
		}
		switch {
		case ring:
			return fmt.Errorf("its parent %q stands below it", b.Parent)
		case b.Parent != "" && !known:
			return fmt.Errorf("its parent %q is not registered: register that one first", b.Parent)
		}
		_, err := tx.Exec(ctx, `INSERT INTO bodies (id, name, kind, parent) VALUES ($1, $2, $3, nullif($4, ''))
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind, parent = excluded.parent`,
			b.ID, b.Name, b.Kind, b.Parent)
		return err
	})
	if err != nil {
		return fmt.Errorf("register the body %q: %w", b.ID, err)
	}
	return nil
}

// PutResponsibility makes a body responsible. What was given earlier for the
// same scope, domain and basis ends on the day before; it is kept (I8). The same
// again changes nothing but the last day.
func (s *Store) PutResponsibility(ctx context.Context, r Responsibility) error {
	if r.Basis == "" {
		r.Basis = ByResidence
	}
	err := r.check()
	if err == nil {
		err = s.tx(ctx, func(tx pgx.Tx) error { return r.put(ctx, tx) })
	}
	if err != nil {
		return fmt.Errorf("make %q responsible in the domain %q: %w", r.Body, r.Domain, err)
	}
	return nil
}

// check says what is wrong with a responsibility in itself. A dwelling is never
// repeated in an error (I9).
func (r Responsibility) check() error {
	domains, _ := codes.LookupTable("domain")
	scopes := 0
	for _, is := range []bool{r.Resident != uuid.Nil, r.Dwelling != "", r.Area != ""} {
		if is {
			scopes++
		}
	}
	switch {
	case !domains.Has(r.Domain):
		return fmt.Errorf("the code table domain has no such code: it has %s", strings.Join(domains.Codes(), ", "))
	case r.Basis != ByResidence && r.Basis != ByHukou:
		return fmt.Errorf("basis %q is neither residence nor hukou", r.Basis)
	case scopes != 1:
		return fmt.Errorf("say for exactly one resident, dwelling or area: %d are given", scopes)
	case slices.Contains(sealedDomains, r.Domain) && r.Area == "":
		return errors.New("that somebody answers for one resident or dwelling in this domain would tell everybody about them: give an area")
	case r.Dwelling != "" && strings.Count(r.Dwelling, "|") != 3:
		return errors.New(`a dwelling is written "compound|building|unit|room"`)
	case strings.Contains(r.Area, "|") || r.Area != strings.TrimSpace(r.Area):
		return fmt.Errorf("area %q: give the name of a community alone", r.Area)
	case r.From.IsZero():
		return errors.New("say from which day on")
	case r.To != nil && r.To.Format(time.DateOnly) < r.From.Format(time.DateOnly):
		return fmt.Errorf("its last day %s is before its first, %s", r.To.Format(time.DateOnly), r.From.Format(time.DateOnly))
	}
	return nil
}

// sameLine is the condition for what was given for the same scope, domain and
// basis; a resident's include those of the ids that were merged into it.
const sameLine = `domain = $1 AND basis = $2
	AND (resident_id = ANY($3) OR dwelling = nullif($4, '') OR area = nullif($5, ''))`

func (r Responsibility) put(ctx context.Context, tx pgx.Tx) error {
	// Changes are rare; readers are not held up.
	if _, err := tx.Exec(ctx, `LOCK TABLE responsibilities IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return err
	}
	var known bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM bodies WHERE id = $1)`, r.Body).Scan(&known); err != nil {
		return err
	}
	if !known {
		return errors.New("no such body is registered: register it first")
	}
	var ids []uuid.UUID
	var resident *uuid.UUID
	if r.Resident != uuid.Nil {
		living, err := follow(ctx, tx, r.Resident)
		if err != nil {
			return err
		}
		resident = &living
		if ids, err = formerIDs(ctx, tx, living); err != nil {
			return err
		}
	}
	line := []any{r.Domain, r.Basis, ids, r.Dwelling, r.Area, r.From}
	// What begins on the same day or later is not overruled by what is said now.
	var body string
	var begins time.Time
	err := tx.QueryRow(ctx, `SELECT body, valid_from FROM responsibilities WHERE `+sameLine+`
			AND valid_from >= $6::date AND valid_from <= coalesce($7::date, 'infinity')
			AND NOT (valid_from = $6 AND body = $8)
		ORDER BY valid_from LIMIT 1`, append(line, r.To, r.Body)...).Scan(&body, &begins)
	if err == nil {
		return fmt.Errorf("from %s on it is %q already: begin after that day, or end before it", begins.Format(time.DateOnly), body)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE responsibilities SET valid_to = $6::date - 1 WHERE `+sameLine+`
		AND valid_from < $6 AND (valid_to IS NULL OR valid_to >= $6)`, line...); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `UPDATE responsibilities SET valid_to = $7::date WHERE `+sameLine+` AND valid_from = $6::date AND body = $8`,
		append(line, r.To, r.Body)...)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO responsibilities (domain, body, resident_id, dwelling, area, basis, valid_from, valid_to)
		VALUES ($1, $2, $3, nullif($4, ''), nullif($5, ''), $6, $7, $8)`,
		r.Domain, r.Body, resident, r.Dwelling, r.Area, r.Basis, r.From, r.To)
	return err
}

// formerIDs returns an id and all that were merged into it.
func formerIDs(ctx context.Context, q querier, living uuid.UUID) ([]uuid.UUID, error) {
	rows, err := q.Query(ctx, `WITH RECURSIVE f(id) AS (
			SELECT $1::uuid
			UNION SELECT r.id FROM residents r JOIN f ON r.redirect_to = f.id)
		SELECT id FROM f`, living)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// ResponsibleFor returns who answers for a resident on a day, at most one body
// for each domain and basis, in the order of the code table: the one named for
// the resident, else for the dwelling, else for the area. Dwelling and area are
// those of the residence, or of the hukou, as the master record has them. An id
// that was merged is answered for the resident it was merged into.
func (s *Store) ResponsibleFor(ctx context.Context, resident uuid.UUID, day time.Time) ([]Responsible, error) {
	var list []Responsible
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		living, err := follow(ctx, tx, resident)
		if err != nil {
			return err
		}
		domains, _ := codes.LookupTable("domain")
		rows, err := tx.Query(ctx, `SELECT f.domain, b.id, b.name, b.kind, coalesce(b.parent, ''), f.basis, f.scope
			FROM residents r, answering(r.id, r.home_area, r.home_dwelling, r.hukou_area, r.hukou_dwelling, $2::date) f JOIN bodies b ON b.id = f.body
			WHERE r.id = $1
			ORDER BY array_position($3::text[], f.domain), f.domain, f.basis DESC`, living, day, domains.Codes())
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x Responsible, err error) {
			err = row.Scan(&x.Domain, &x.Body.ID, &x.Body.Name, &x.Body.Kind, &x.Body.Parent, &x.Basis, &x.Because)
			return x, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find who is responsible: %w", err)
	}
	return list, nil
}

// Bodies returns all bodies by id.
func (s *Store) Bodies(ctx context.Context) ([]Body, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, name, kind, coalesce(parent, '') FROM bodies ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read the bodies: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Body])
	if err != nil {
		return nil, fmt.Errorf("read the bodies: %w", err)
	}
	return list, nil
}

// Areas returns what each body answers for by area on a day.
func (s *Store) Areas(ctx context.Context, day time.Time) (map[string][]Responsibility, error) {
	rows, err := s.pool.Query(ctx, `SELECT body, domain, area, basis, valid_from FROM responsibilities
		WHERE area IS NOT NULL AND $1::date BETWEEN valid_from AND coalesce(valid_to, 'infinity') ORDER BY body, area, domain, basis`, day)
	if err != nil {
		return nil, fmt.Errorf("read who is responsible: %w", err)
	}
	out := map[string][]Responsibility{}
	var r Responsibility
	if _, err := pgx.ForEachRow(rows, []any{&r.Body, &r.Domain, &r.Area, &r.Basis, &r.From}, func() error {
		out[r.Body] = append(out[r.Body], r)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read who is responsible: %w", err)
	}
	return out, nil
}
