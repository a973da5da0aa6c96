// SPDX-License-Identifier: GPL-2.0-only
"use strict";
document.getElementById("main").textContent = document.getElementById("data").textContent;
