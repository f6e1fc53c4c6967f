// Register offsets. Generated from codesign.chip.registers; do not edit.
localparam [31:0] ID_VALUE = 32'h4e445343;
localparam [11:0] ADDR_ID = 12'h000;
localparam [11:0] ADDR_VERSION = 12'h004;
localparam [11:0] ADDR_CHIP_ID = 12'h008;
localparam [11:0] ADDR_STATUS = 12'h00c;
localparam [11:0] ADDR_IMAGE_CRC = 12'h010;
localparam [11:0] ADDR_CONTROL = 12'h014;
localparam [11:0] ADDR_IRQ_STATUS = 12'h018;
localparam [11:0] ADDR_IRQ_ENABLE = 12'h01c;
localparam [11:0] ADDR_IMAGES = 12'h020;
localparam [11:0] ADDR_ACTIVATION_ADDRESS = 12'h024;
localparam [11:0] ADDR_ACTIVATION_DATA = 12'h028;
localparam [11:0] ADDR_IMAGE_DATA = 12'h040;
