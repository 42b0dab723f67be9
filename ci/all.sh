#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every gate, in order, as .ci/run runs them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ci/test
