package native

import (
	"net/http"

	"github.com/refundry/refundry/openapi"
)

// contract serves the API's own description, without a key: GET /openapi.yaml.
func (d *Dialect) contract(c *call) error {
	c.w.Header().Set("Cache-Control", "public, max-age=300") // it changes with the program only
	c.write(http.StatusOK, "application/yaml; charset=utf-8", openapi.Native())
	return nil
}
