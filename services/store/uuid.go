package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A uuid.UUID travels as its 16 bytes. Left to itself pgx writes it as text and
// parses what comes, because uuid.UUID is a database/sql value: residents are named
// by one in every statement.

// asBytes teaches a connection to do so.
func asBytes(_ context.Context, conn *pgx.Conn) error {
	m := conn.TypeMap()
	m.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{wrapEncode}, m.TryWrapEncodePlanFuncs...)
	m.TryWrapScanPlanFuncs = append([]pgtype.TryWrapScanPlanFunc{wrapScan}, m.TryWrapScanPlanFuncs...)
	return nil
}

// bytesOf is a uuid.UUID as pgtype knows one.
type bytesOf uuid.UUID

// UUIDValue implements pgtype.UUIDValuer.
func (b bytesOf) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: b, Valid: true}, nil }

// ScanUUID implements pgtype.UUIDScanner.
func (b *bytesOf) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		return errors.New("NULL where a uuid was expected")
	}
	*b = v.Bytes
	return nil
}

func wrapEncode(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
	if v, ok := value.(uuid.UUID); ok {
		return &encodeUUID{}, bytesOf(v), true
	}
	return nil, nil, false
}

type encodeUUID struct{ next pgtype.EncodePlan }

func (e *encodeUUID) SetNext(next pgtype.EncodePlan) { e.next = next }

func (e *encodeUUID) Encode(value any, buf []byte) ([]byte, error) {
	return e.next.Encode(bytesOf(value.(uuid.UUID)), buf)
}

func wrapScan(target any) (pgtype.WrappedScanPlanNextSetter, any, bool) {
	if t, ok := target.(*uuid.UUID); ok {
		return &scanUUID{}, (*bytesOf)(t), true
	}
	return nil, nil, false
}

type scanUUID struct{ next pgtype.ScanPlan }

func (s *scanUUID) SetNext(next pgtype.ScanPlan) { s.next = next }

func (s *scanUUID) Scan(src []byte, target any) error {
	return s.next.Scan(src, (*bytesOf)(target.(*uuid.UUID)))
}
