package refund

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/refundry/refundry/money"
)

// MaxOverview is the longest time that one overview is of: a quarter and a day.
const MaxOverview = 93 * 24 * time.Hour

// OverviewFilter says what an overview is of: refunds that were accepted from From
// until before To, which are full hours, in steps of Step, which is as many.
type OverviewFilter struct {
	MerchantID string
	From, To   time.Time
	Step       time.Duration
}

// NewOverviewFilter makes the filter of a time: From down and To up to a full hour in
// UTC, in steps of an hour up to three days and else of a day, counted from From.
func NewOverviewFilter(merchantID string, from, to time.Time) (OverviewFilter, error) {
	f := OverviewFilter{MerchantID: merchantID, From: from.UTC().Truncate(time.Hour), To: to.UTC(), Step: 24 * time.Hour}
	if full := f.To.Truncate(time.Hour); full.Before(f.To) {
		f.To = full.Add(time.Hour)
	}
	length := f.To.Sub(f.From)
	switch {
	case length <= 0:
		return f, Errorf(KindInvalid, "to", "must be after from")
	case length > MaxOverview:
		return f, Errorf(KindInvalid, "from", "an overview is of at most %d days", int(MaxOverview/(24*time.Hour)))
	case length <= 72*time.Hour:
		f.Step = time.Hour
	}
	return f, nil
}

// Steps is how many steps there are.
func (f OverviewFilter) Steps() int { return int((f.To.Sub(f.From) + f.Step - 1) / f.Step) }

// Counted is a number of rows that is only counted up to a bound: More says that there
// are more.
type Counted struct {
	N    int64
	More bool
}

func (c Counted) plus(o Counted) Counted { return Counted{c.N + o.N, c.More || o.More} }

// StateSum is how many refunds are in a state and what they come to, in minor units.
// The sum may need more than 64 bits.
type StateSum struct {
	Currency money.Currency
	State    State
	Refunds  int64
	Minor    *big.Int
}

// Oldest is the refund that has been in an open state for longest since it was
// accepted.
type Oldest struct {
	State                State
	MerchantID, RefundID string
	CreatedAt            time.Time
}

// Period is one step of an overview.
type Period struct {
	From time.Time
	// States are the refunds that were accepted in this time, by their state now.
	States map[State]int64
	// Times are those of the refunds that became known to have succeeded in it.
	Times Histogram
}

// Accepted is how many refunds were accepted in the step.
func (s Period) Accepted() int64 {
	var n int64
	for _, of := range s.States {
		n += of
	}
	return n
}

// AccountHealth is what is known of one channel account.
type AccountHealth struct {
	MerchantID, ID, Channel string
	// State is the account's own: active, paused, closed. Paused says that nothing is
	// sent, for that or because of a wider pause.
	State  string
	Paused bool
	// AskFirst says that the channel has to be asked before the account sends again.
	AskFirst bool
	// Unanswered says that this process leaves the account alone, because its channel
	// answers no call.
	Unanswered bool
	// LastSuccess is when the last refund succeeded; zero for none.
	LastSuccess time.Time
	// Succeeded and Failed are of the refunds that were accepted in the overview's
	// time, and Times of those that became known to have succeeded in it.
	Succeeded, Failed int64
	Times             Histogram
}

// DeliveryHealth is how webhooks are.
type DeliveryHealth struct {
	// Due have their time, Waiting are those and what is due later; Dead were given up.
	Due, Waiting, Dead Counted
	// OldestDue is since when the first of Due has been due; zero for none.
	OldestDue time.Time
}

// Overview is how a merchant's refunds are. What is counted lags behind by the events
// that are not counted yet; what is open, waits or needs somebody is of now.
type Overview struct {
	OverviewFilter
	// Behind is how many events are not counted yet, and Recounts how many hours are
	// to be counted anew.
	Behind, Recounts int64
	// Sums are the refunds that were accepted in the time, by currency and state, and
	// Open those that are open, whenever they were accepted.
	Sums, Open []StateSum
	Series     []Period
	// Times are those of all steps.
	Times                    Histogram
	Oldest                   []Oldest
	NeedPerson, ShortOfFunds Counted
	Deliveries               DeliveryHealth
	Alerts                   Counted
	Accounts                 []AccountHealth
}

// Of is how many refunds of the time are in a state, whatever their currency.
func (o Overview) Of(state State) int64 {
	var n int64
	for _, sum := range o.Sums {
		if sum.State == state {
			n += sum.Refunds
		}
	}
	return n
}

// SuccessPercent is how many hundredths of a percent of those that succeeded or failed
// have succeeded, rounded down; false where none did either.
func (o Overview) SuccessPercent() (hundredths int64, some bool) {
	return SuccessPercent(o.Of(Succeeded), o.Of(Failed))
}

// SuccessPercent is Overview's for any two numbers.
func SuccessPercent(succeeded, failed int64) (hundredths int64, some bool) {
	if succeeded+failed <= 0 {
		return 0, false
	}
	return succeeded * 10000 / (succeeded + failed), true
}

// Join puts the overviews of several merchants together: the same time and steps.
func Join(all []Overview) Overview {
	if len(all) == 0 {
		return Overview{}
	}
	out := Overview{OverviewFilter: all[0].OverviewFilter, Times: make(Histogram), Series: NewSeries(all[0].OverviewFilter)}
	if len(all) > 1 {
		out.MerchantID = ""
	}
	for _, o := range all {
		out.Behind, out.Recounts = out.Behind+o.Behind, out.Recounts+o.Recounts
		out.Sums, out.Open = append(out.Sums, o.Sums...), append(out.Open, o.Open...)
		out.Oldest, out.Accounts = append(out.Oldest, o.Oldest...), append(out.Accounts, o.Accounts...)
		out.NeedPerson, out.ShortOfFunds, out.Alerts = out.NeedPerson.plus(o.NeedPerson), out.ShortOfFunds.plus(o.ShortOfFunds), out.Alerts.plus(o.Alerts)
		d, e := &out.Deliveries, o.Deliveries
		d.Due, d.Waiting, d.Dead = d.Due.plus(e.Due), d.Waiting.plus(e.Waiting), d.Dead.plus(e.Dead)
		if !e.OldestDue.IsZero() {
			d.OldestDue = earlier(d.OldestDue, e.OldestDue)
		}
		out.Times.add(o.Times)
		for n := range min(len(out.Series), len(o.Series)) {
			out.Series[n].Times.add(o.Series[n].Times)
			for state, count := range o.Series[n].States {
				out.Series[n].States[state] += count
			}
		}
	}
	out.Sums, out.Open, out.Oldest = JoinSums(out.Sums), JoinSums(out.Open), joinOldest(out.Oldest)
	return out
}

// NewSeries makes the empty steps of an overview.
func NewSeries(f OverviewFilter) []Period {
	series := make([]Period, f.Steps())
	for n := range series {
		series[n] = Period{From: f.From.Add(time.Duration(n) * f.Step), States: make(map[State]int64), Times: make(Histogram)}
	}
	return series
}

// JoinSums adds up what has one currency and state, sorted by currency, then in the
// order of a refund's life; what comes to nothing is left out.
func JoinSums(sums []StateSum) []StateSum {
	type key struct {
		currency money.Currency
		state    State
	}
	by := make(map[key]StateSum)
	for _, one := range sums {
		k := key{one.Currency, one.State}
		sum, there := by[k]
		if !there {
			sum = StateSum{Currency: one.Currency, State: one.State, Minor: new(big.Int)}
		}
		sum.Refunds += one.Refunds
		sum.Minor = new(big.Int).Add(sum.Minor, one.Minor)
		by[k] = sum
	}
	out := slices.Collect(maps.Values(by))
	out = slices.DeleteFunc(out, func(s StateSum) bool { return s.Refunds == 0 && s.Minor.Sign() == 0 })
	slices.SortFunc(out, func(a, b StateSum) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(slices.Index(States(), a.State), slices.Index(States(), b.State)))
	})
	return out
}

// joinOldest keeps the oldest of each state, in the order of a refund's life.
func joinOldest(all []Oldest) []Oldest {
	slices.SortStableFunc(all, func(a, b Oldest) int {
		return cmp.Or(cmp.Compare(slices.Index(States(), a.State), slices.Index(States(), b.State)), a.CreatedAt.Compare(b.CreatedAt))
	})
	return slices.CompactFunc(all, func(a, b Oldest) bool { return a.State == b.State })
}
