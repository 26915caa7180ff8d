package openapi

import (
	"bytes"
	"context"
	"maps"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestEachContractIsAValidOpenAPIDocument(t *testing.T) {
	contracts, err := files.ReadDir(".")
	if err != nil || len(contracts) == 0 {
		t.Fatalf("contracts: %v, %v", contracts, err)
	}
	for _, contract := range contracts {
		t.Run(contract.Name(), func(t *testing.T) {
			text := read(contract.Name())
			if !bytes.HasPrefix(text, []byte("openapi:")) {
				t.Error("does not begin with openapi:, by which scripts tell it")
			}
			doc, err := openapi3.NewLoader().LoadFromData(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := doc.Validate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAWholeRefundHasEverythingThatARefundHas(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(Native())
	if err != nil {
		t.Fatal(err)
	}
	schemas := doc.Components.Schemas
	whole := maps.Clone(schemas["WholeRefund"].Value.Properties)
	for name := range schemas["Refund"].Value.Properties {
		if _, has := whole[name]; !has {
			t.Errorf("WholeRefund lacks %s", name)
		}
		delete(whole, name)
	}
	if len(whole) != 2 { // attempts and transfers
		t.Errorf("WholeRefund has besides: %v", whole)
	}
}
