package ledger

import (
	"context"
	"slices"
	"time"

	"heji/connectors"
)

const reportEntry = "reported"

// reported is what was entered last.
type reported struct {
	Period string            `json:"period"`
	Lines  []connectors.Line `json:"lines"`
}

// Report makes a card of counts where they differ from those entered last, at
// most one for each period. While nobody has opened it, the card shows the
// counts as they are now, and goes away when they are the old ones again.
func (l *Ledger) Report(ctx context.Context, period string, at time.Time, lines []connectors.Line) error {
	same, err := l.sameReport(ctx, period, lines)
	if err != nil || same {
		return err
	}
	return l.Keep.Change(ctx, func(b connectors.Box) error {
		var last reported
		if _, err := read(b, reportEntry, &last); err != nil {
			return err
		}
		list, err := parcels(b, parcelEntry)
		if err != nil {
			return err
		}
		var card *Parcel
		for _, p := range list {
			if p.Period != "" {
				card = p
			}
		}
		switch {
		case card != nil && !card.Carried.IsZero():
			return nil // somebody is typing it
		case slices.Equal(last.Lines, lines) || last.Period == period:
			if card == nil {
				return nil
			}
			return b.Delete(parcelEntry + card.ID)
		case card == nil:
			if card, err = l.begin(b); err != nil {
				return err
			}
		}
		card.At, card.Period, card.Lines = at, period, lines
		return l.save(b, card)
	})
}

// sameReport is the ordinary case, without a lock: nothing is to be done.
func (l *Ledger) sameReport(ctx context.Context, period string, lines []connectors.Line) (same bool, err error) {
	err = l.Keep.View(ctx, func(b connectors.Box) error {
		var last reported
		if _, err := read(b, reportEntry, &last); err != nil {
			return err
		}
		list, err := parcels(b, parcelEntry)
		if err != nil {
			return err
		}
		card := slices.IndexFunc(list, func(p *Parcel) bool { return p.Period != "" })
		if card < 0 {
			same = slices.Equal(last.Lines, lines) || last.Period == period
		} else {
			same = list[card].Period == period && slices.Equal(list[card].Lines, lines)
		}
		return nil
	})
	return same, err
}

// Reported closes a card of counts; false where the parcel is none. What was not
// taken is offered again in the next period, or when the counts change.
func (l *Ledger) Reported(ctx context.Context, id, who string, taken bool) (is bool, err error) {
	err = l.Keep.Change(ctx, func(b connectors.Box) error {
		p := &Parcel{}
		ok, err := read(b, parcelEntry+id, p)
		if err != nil || !ok || p.Period == "" {
			return err
		}
		is = true
		var last reported
		if _, err := read(b, reportEntry, &last); err != nil {
			return err
		}
		if last.Period = p.Period; taken {
			last.Lines = p.Lines
		}
		if err := put(b, reportEntry, last); err != nil {
			return err
		}
		p.Closed, p.Lines, p.By = l.Now(), nil, who
		return l.save(b, p)
	})
	return is, err
}
