package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

// billAfter is how long after the first request every channel has made the bill of that
// day.
const billAfter = 30 * time.Hour

// bill is what the native API answers of a channel's bill.
type bill struct {
	Agrees      bool `json:"agrees"`
	Rows        int  `json:"rows"`
	Differences []struct {
		Kind string `json:"kind"`
		Note string `json:"note"`
	} `json:"differences"`
}

// checkBill compares the channel's bill of the first day with the books: an honest one
// agrees, one that lies does not, and what breaks off is no bill. Channels without bills
// are passed over.
func (s *soak) checkBill(ctx context.Context, report *SoakReport) error {
	side := s.channel.Side()
	// The bill of a day is made in the morning after it.
	s.Clock.MoveTo(s.began.Add(billAfter))
	s.Service.ClockMoved()
	faults := channelsim.Sensible(side, channelsim.InBill)
	if !slices.Contains(faults, channelsim.LyingBill) {
		return nil
	}
	s.untilBill(side)
	for _, fault := range append(faults, "") {
		if fault != "" {
			if err := s.simulator.Inject(channelsim.Injection{Channel: s.channel.Name, Step: channelsim.StepBill, Fault: fault}); err != nil {
				return err
			}
		}
		got, err := s.bill(ctx)
		if unreadable := new(statusError); errors.As(err, unreadable) && fault != "" && fault != channelsim.LyingBill {
			continue // a bill that can't be had is no bill, and says so
		}
		if err != nil {
			return err
		}
		switch wantAgreed := fault != channelsim.LyingBill; {
		case got.Rows == 0:
			report.differ("the bill of %s has no refunds", s.firstDay())
		case got.Agrees != wantAgreed:
			report.differ("the bill of %s with fault %q agrees: %v, of %d rows: %v", s.firstDay(), fault, got.Agrees, got.Rows, got.Differences)
		}
	}
	return nil
}

// untilBill moves the clock to noon of the second day, where nothing has taken that long:
// by then each channel has made the bill of the first.
func (s *soak) untilBill(side channelsim.Side) {
	year, month, day := s.began.In(side.Zone()).Date()
	s.Clock.MoveTo(time.Date(year, month, day+1, 12, 0, 0, 0, side.Zone()))
	s.Service.ClockMoved()
}

// firstDay is the day of the first refunds, in the channel's time zone.
func (s *soak) firstDay() string {
	return s.began.In(s.channel.Side().Zone()).Format(time.DateOnly)
}

// bill asks the service to compare the bill, and drives the clock meanwhile: the channel
// is asked about differences at the account's rate.
func (s *soak) bill(ctx context.Context) (got bill, err error) {
	ended := make(chan error, 1)
	go func() {
		ended <- s.call(ctx, http.MethodPost, "/accounts/"+s.account+"/reconcile", map[string]string{"date": s.firstDay()}, &got, http.StatusOK)
	}()
	drive := s.Drive
	drive.Stuck = breath * patience // the question itself may wait for a time
	for {
		stopped := drive.Until(ctx, func() (bool, error) {
			select {
			case err = <-ended:
				return true, nil
			default:
				return false, nil
			}
		})
		if !errors.Is(stopped, ErrStuck) {
			return got, errors.Join(stopped, err)
		}
		s.Clock.MoveTo(s.Clock.Now().Add(nudge))
		s.Service.ClockMoved()
	}
}

// statusError is an answer of another status than was wanted.
type statusError struct {
	request string
	status  int
	text    string
}

func (e statusError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.request, e.status, strings.TrimSpace(e.text))
}
