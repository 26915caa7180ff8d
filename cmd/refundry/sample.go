package main

import (
	"fmt"

	"github.com/refundry/refundry/sample"
)

// The sample that comes with serve --demo --sample and demo --keep.
const (
	sampleDays = 30
	sampleSeed = 1
)

// sampleCommand is refundry sample.
type sampleCommand struct {
	databaseFlags
	dataFlags
	jsonFlag
	Days int    `help:"How many days until now." default:"30" placeholder:"N"`
	Seed uint64 `help:"Decides everything that happens." default:"1" placeholder:"N"`
}

// Help is shown by --help.
func (c *sampleCommand) Help() string {
	return `The merchant sample is a test merchant with some thousand charges and refunds over
all channels and dialects, in every state: failed, abnormal, short of funds,
disputed, waiting for an approval; with notifications that died, alerts, a file of
refunds that was done and one that waits for a second person. It is made by the
service itself under a clock that moves, in seconds. A second run changes nothing.
It is refused on a database with a live merchant; a serve must not run meanwhile.`
}

func (c *sampleCommand) Run(e *environment) error {
	if c.Days < 1 || c.Days > sample.MaxDays {
		return usageError{fmt.Sprintf("--days takes 1 to %d", sample.MaxDays)}
	}
	report, err := loadSample(e, c.databaseFlags, c.dataFlags, c.Days, c.Seed)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(report)
	}
	e.saySample(report)
	return nil
}

// loadSample fills the database with a sample, or finds that it is there.
func loadSample(e *environment, database databaseFlags, data dataFlags, days int, seed uint64) (sample.Report, error) {
	address, err := database.url()
	if err != nil {
		return sample.Report{}, err
	}
	key, err := data.masterKey()
	if err != nil {
		return sample.Report{}, err
	}
	return makeSample(e, sample.Options{Database: address, Data: data.Data, MasterKey: key, Days: days, Seed: seed})
}

// makeSample shows how far it is.
func makeSample(e *environment, opts sample.Options) (sample.Report, error) {
	bar := e.lineBar(int64(opts.Days)*24, "making a month")
	opts.Progress = func(hour, hours int) {
		bar.ChangeMax(hours)
		_ = bar.Set(hour)
	}
	report, err := sample.Load(e, opts)
	_ = bar.Finish()
	return report, err
}

func (e *environment) saySample(r sample.Report) {
	if r.There {
		e.say("merchant sample is there already (%s)", r.MerchantID)
		return
	}
	e.say("merchant sample (%s): %d charges, %d refunds, %d refused requests, %d notifications", r.MerchantID, r.Charges, r.Refunds, r.Refused, r.Webhooks)
}
